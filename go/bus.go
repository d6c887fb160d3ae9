// Package shmbus calls commands of other processes of this machine by name, through shared memory,
// and handles them. It stands on libshmbus-c; the other side may be C++, C, Python or Rust. See
// docs/go.md.
//
// # Goroutines
//
// A Bus, a Caller, a Publisher and the functions of this package may be used by any number of
// goroutines. A Subscriber, a Stream and a Server's Run belong to one goroutine at a time; a Command
// and its Reader and Writer to the goroutine of their handler, until that returns. What breaks these
// rules gets WrongThread or InvalidArgument, with a text that names the rule.
package shmbus

// #cgo pkg-config: --static shmbus-c
// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Forever, as a Timeout, is no limit.
const Forever = time.Duration(C.SHMBUS_FOREVER)

// defaultTimeout stands for that of the bus.
const defaultTimeout = C.int64_t(C.SHMBUS_DEFAULT_TIMEOUT)

// OpenOptions of a bus; the zero value is the default. What stands below Threads counts for a bus
// that this creates; 0 is the default of docs/c.md.
type OpenOptions struct {
	Label    string // shown by `shmbus ps`; "": the name of the program
	NoCreate bool   // fail when there is no such bus
	Threads  int    // calls that may block at a time, each of which takes a thread; 0: 64

	Mode           uint32 // permissions; 0: 0600
	DefaultTimeout time.Duration
	Participants   uint32
	Names          uint32
	Endpoints      uint32
	Lanes          uint32
	CellsPerLane   uint32
	Extents        uint32
	ExtentBytes    uint32
}

// Bus is an opened bus.
type Bus struct {
	c     *C.shmbus_bus_t
	path  string
	slots chan struct{} // one for each call that blocks
	users int64         // itself until Close, and what uses it
	once  sync.Once
}

// Open opens the bus of that name (/dev/shm/shmbus.NAME), or of that path if it holds a '/', and
// creates it when there is none.
func Open(name string) (*Bus, error) { return OpenWith(name, OpenOptions{}) }

// OpenWith is Open with options.
func OpenWith(name string, options OpenOptions) (*Bus, error) {
	given := C.shmbus_open_options_t{mode: C.uint32_t(options.Mode),
		default_timeout_ns: C.int64_t(options.DefaultTimeout), participants: C.uint32_t(options.Participants),
		names: C.uint32_t(options.Names), endpoints: C.uint32_t(options.Endpoints),
		lanes: C.uint32_t(options.Lanes), cells_per_lane: C.uint32_t(options.CellsPerLane),
		extents: C.uint32_t(options.Extents), extent_bytes: C.uint32_t(options.ExtentBytes)}
	given.size = C.size_t(unsafe.Sizeof(given))
	if options.NoCreate {
		given.flags = C.SHMBUS_OPEN_NO_CREATE
	}
	// The Go runtime has handlers of its own for SIGBUS; the bus is not to take it away.
	given.flags |= C.SHMBUS_OPEN_LEAVE_BUS_ERRORS
	if options.Label != "" {
		given.label = C.CString(options.Label)
		defer C.free(unsafe.Pointer(given.label))
	}
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	e := newError()
	bus := &Bus{users: 1}
	if err := result(C.shmbus_open(cName, &given, &bus.c, e), e); err != nil {
		return nil, err
	}
	threads := options.Threads
	if threads <= 0 {
		threads = 64
	}
	bus.slots = make(chan struct{}, threads)
	bus.path = C.GoString(C.shmbus_path(bus.c))
	return bus, nil
}

// Close ends this handle. Calls, servers and subscribers that run go on until they end.
func (b *Bus) Close() { b.once.Do(b.release) }

// Path is where the segment lies.
func (b *Bus) Path() string { return b.path }

// acquire keeps the C handle for one operation; false after Close.
func (b *Bus) acquire() bool {
	for {
		users := atomic.LoadInt64(&b.users)
		if users == 0 {
			return false
		}
		if atomic.CompareAndSwapInt64(&b.users, users, users+1) {
			return true
		}
	}
}

func (b *Bus) release() {
	if atomic.AddInt64(&b.users, -1) == 0 {
		C.shmbus_close(b.c)
	}
}

func errClosed() error { return fail(InvalidArgument, "the bus, or what was made from it, is closed") }

// stopFlag is set once a context is done: C code looks at it while it waits.
type stopFlag struct {
	set  *int32 // of its own: C gets a pointer to it
	quit chan struct{}
	done chan struct{}
}

// watch sets the flag when the context is done, until end is called.
func watch(ctx context.Context) *stopFlag {
	flag := &stopFlag{set: new(int32)}
	if ctx.Done() == nil {
		return flag
	}
	flag.quit, flag.done = make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			atomic.StoreInt32(flag.set, 1)
		case <-flag.quit:
		}
		close(flag.done)
	}()
	return flag
}

func (f *stopFlag) end() {
	if f.quit != nil {
		close(f.quit)
		<-f.done // C reads the flag no more, nor does anybody write it
	}
}

func (f *stopFlag) c() *C.int32_t { return (*C.int32_t)(unsafe.Pointer(f.set)) }

// timeoutOf is what is left before the deadline of a context; without one, otherwise.
func timeoutOf(ctx context.Context, otherwise time.Duration) (C.int64_t, error) {
	if err := ctx.Err(); err != nil {
		return 0, ofContext(err, false)
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left <= 0 {
			return 0, ofContext(context.DeadlineExceeded, false)
		}
		return C.int64_t(left), nil
	}
	if otherwise == 0 {
		return defaultTimeout, nil
	}
	return C.int64_t(otherwise), nil
}

// ofContext is the Error of a context that is done.
func ofContext(err error, mayHaveRun bool) error {
	out := &Error{Kind: Cancelled, MayHaveRun: mayHaveRun, Text: "the context was cancelled"}
	if err == context.DeadlineExceeded {
		out.Kind, out.Text = TimedOut, "the deadline of the context is over"
	}
	if !mayHaveRun {
		out.Text += ": it was not started"
	}
	return out
}

// WaitUntilAvailable returns once a live handler has the name.
func (b *Bus) WaitUntilAvailable(ctx context.Context, name string) error {
	if !b.acquire() {
		return errClosed()
	}
	defer b.release()
	timeout, err := timeoutOf(ctx, Forever)
	if err != nil {
		return err
	}
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	return b.await(ctx, cName, timeout)
}

func (b *Bus) await(ctx context.Context, name *C.char, timeout C.int64_t) error {
	flag := watch(ctx)
	defer flag.end()
	e := newError()
	err := result(C.go_await_name(b.c, name, timeout, flag.c(), e), e)
	if err != nil && ctx.Err() != nil {
		return ofContext(ctx.Err(), false)
	}
	return err
}

// Schema is what the present or last owner of the name registered, "request->reply"; "" for bytes.
func (b *Bus) Schema(name string) (string, error) {
	if !b.acquire() {
		return "", errClosed()
	}
	defer b.release()
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	var text [2048]C.char
	var length C.size_t
	e := newError()
	if err := result(C.shmbus_schema(b.c, cName, &text[0], C.size_t(len(text)), &length, e), e); err != nil {
		return "", err
	}
	return C.GoStringN(&text[0], C.int(length)), nil
}

// Version is that of the library.
func Version() string { return C.GoString(C.shmbus_version()) }
