package shmbus

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// OnCallerExit says what becomes of a command when its caller exits or dies before the reply.
type OnCallerExit int32

const (
	RunOnExit    OnCallerExit = C.SHMBUS_ON_CALLER_EXIT_RUN    // it runs nevertheless
	CancelOnExit OnCallerExit = C.SHMBUS_ON_CALLER_EXIT_CANCEL // it is not started; if it runs, it is cancelled
)

// CallerOptions; the zero value is the default.
type CallerOptions struct {
	Wait           bool // calls wait for a handler until their deadline, instead of NotRegistered at once
	FailWhenFull   bool // Overloaded, instead of a wait for room until the deadline
	Spin           bool // waits never sleep: lowest latency, one core busy
	InheritNothing bool // calls inside a handler inherit neither its deadline nor its cancellation

	OnCallerExit OnCallerExit // what becomes of commands under way when this process exits or dies

	Room    int           // bytes for a reply whose size is not known from its type; 0: 65536
	Timeout time.Duration // of calls whose context has no deadline; 0: that of the bus (5 s)
	Schema  string        // "request->reply"; "": any bytes
}

// Caller calls one name, with bytes. Any goroutine may use it.
type Caller struct {
	bus     *Bus
	c       *C.go_caller
	name    *C.char
	options CallerOptions
	closed  int32
	users   int64 // as of Bus
	buffers sync.Pool
}

// Caller makes a caller. The name need not be registered yet. TypeMismatch: the owner of the name
// has another schema; if nobody has the name yet, the first call returns it.
func (b *Bus) Caller(name string, options CallerOptions) (*Caller, error) {
	if !b.acquire() {
		return nil, errClosed()
	}
	if options.Room <= 0 {
		options.Room = 65536
	}
	given := C.shmbus_caller_options_t{}
	given.size = C.size_t(unsafe.Sizeof(given))
	if options.Spin {
		given.wait = C.SHMBUS_WAIT_SPINNING
	}
	if options.Wait {
		given.when_vacant = C.SHMBUS_WHEN_VACANT_WAIT
	}
	if options.FailWhenFull {
		given.when_full = C.SHMBUS_WHEN_FULL_FAIL
	}
	given.on_caller_exit = C.int32_t(options.OnCallerExit)
	if options.InheritNothing {
		given.inherit = C.SHMBUS_INHERIT_NOTHING
	}
	caller := &Caller{bus: b, name: C.CString(name), options: options, users: 1}
	caller.buffers.New = func() any { buffer := make([]byte, options.Room); return &buffer }
	var schema *C.char
	if options.Schema != "" {
		schema = C.CString(options.Schema)
		defer C.free(unsafe.Pointer(schema))
	}
	if caller.c = C.go_caller_new(b.c, caller.name, schema, &given); caller.c == nil {
		caller.release()
		return nil, fail(Overloaded, "out of memory")
	}
	// Made here, in whatever thread this is, so that an error comes now.
	e := newError()
	var here *C.shmbus_caller_t
	if err := result(C.go_caller_here(caller.c, &here, e), e); err != nil {
		caller.release()
		return nil, err
	}
	return caller, nil
}

// Close ends the caller. Calls under way go on.
func (c *Caller) Close() {
	if atomic.CompareAndSwapInt32(&c.closed, 0, 1) {
		c.release()
	}
}

func (c *Caller) acquire() error {
	for {
		users := atomic.LoadInt64(&c.users)
		if users == 0 || atomic.LoadInt32(&c.closed) != 0 {
			return errClosed()
		}
		if atomic.CompareAndSwapInt64(&c.users, users, users+1) {
			return nil
		}
	}
}

func (c *Caller) release() {
	if atomic.AddInt64(&c.users, -1) != 0 {
		return
	}
	if c.c != nil {
		C.go_caller_close(c.c)
	}
	C.free(unsafe.Pointer(c.name))
	c.bus.release()
}

// slot waits until one more call may block a thread. Calls of handlers need none: else handlers
// could wait for callers that wait for them.
func (c *Caller) slot(ctx context.Context) (func(), error) {
	if CommandOf(ctx) != nil {
		return func() {}, nil
	}
	select {
	case c.bus.slots <- struct{}{}:
	default:
		select {
		case c.bus.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ofContext(ctx.Err(), false)
		}
	}
	return func() { <-c.bus.slots }, nil
}

// begin is what all calls do first: end gives back what they hold.
func (c *Caller) begin(ctx context.Context) (timeout C.int64_t, end func(), err error) {
	if timeout, err = timeoutOf(ctx, c.options.Timeout); err != nil {
		return 0, nil, err
	}
	if err = c.acquire(); err != nil {
		return 0, nil, err
	}
	free, err := c.slot(ctx)
	if err != nil {
		c.release()
		return 0, nil, err
	}
	return timeout, func() { free(); c.release() }, nil
}

func pointer(bytes []byte) unsafe.Pointer {
	if len(bytes) == 0 {
		return nil
	}
	return unsafe.Pointer(&bytes[0])
}

// Call sends the request and waits for the reply until the deadline of ctx; without one, for
// CallerOptions.Timeout. When ctx is cancelled, so is the command: the error says by MayHaveRun
// whether it had been started.
func (c *Caller) Call(ctx context.Context, request []byte) ([]byte, error) {
	timeout, end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if ctx.Done() != nil {
		return c.callUntilDone(ctx, timeout, func(room C.size_t, pending **C.shmbus_pending_t, ready *C.int, e *cError) C.int {
			return C.go_start(c.c, pointer(request), C.size_t(len(request)), room, timeout,
				firstWait, pending, ready, e)
		})
	}
	buffer := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buffer)
	var size C.size_t
	e := newError()
	kind := C.go_call(c.c, pointer(request), C.size_t(len(request)), pointer(*buffer),
		C.size_t(len(*buffer)), &size, timeout, e)
	if kind != 0 {
		return nil, result(kind, e)
	}
	return append([]byte{}, (*buffer)[:size]...), nil
}

const (
	firstWait  = 200_000    // ns that a call waits before a goroutine looks after its context
	cancelWait = 20_000_000 // ns that a cancelled call waits for what became of the command
)

type starter func(room C.size_t, pending **C.shmbus_pending_t, ready *C.int, e *cError) C.int

// callUntilDone starts a call and waits for it, or for ctx.
func (c *Caller) callUntilDone(ctx context.Context, timeout C.int64_t, start starter) ([]byte, error) {
	if err := c.awaitHandler(ctx, timeout); err != nil {
		return nil, err
	}
	runtime.LockOSThread() // a pending call belongs to its thread
	defer runtime.UnlockOSThread()
	var pending *C.shmbus_pending_t
	var ready C.int
	e := newError()
	if kind := start(C.size_t(c.options.Room), &pending, &ready, e); kind != 0 {
		return nil, result(kind, e)
	}
	if ready == 0 {
		flag := watch(ctx)
		ready = C.go_wait(pending, flag.c())
		flag.end()
	}
	if ready == 0 && ctx.Err() != context.DeadlineExceeded && C.go_cancel(pending, cancelWait) == 0 {
		C.shmbus_pending_drop(pending)
		return nil, ofContext(ctx.Err(), true)
	}
	return waitReply(pending)
}

// awaitHandler waits for a handler, with CallerOptions.Wait: the library does too, but does not see
// that ctx is cancelled.
func (c *Caller) awaitHandler(ctx context.Context, timeout C.int64_t) error {
	if !c.options.Wait || ctx.Done() == nil {
		return nil
	}
	return c.nobodyCame(c.bus.await(ctx, c.name, timeout))
}

// nobodyCame is the error of a wait for a handler, as the library has it: NotRegistered at the
// deadline. It is a context.DeadlineExceeded too.
func (c *Caller) nobodyCame(err error) error {
	e, ok := err.(*Error)
	if !ok || e.Kind != TimedOut {
		return err
	}
	return &Error{Kind: NotRegistered, inTime: true, Text: "no handler came for '" + C.GoString(c.name) +
		"' on " + c.bus.path + " in time: it was not run; start one, or wait longer"}
}

// waitReply takes pending. On its thread.
func waitReply(pending *C.shmbus_pending_t) ([]byte, error) {
	var reply *C.shmbus_reply_t
	e := newError()
	if kind := C.shmbus_pending_wait(pending, &reply, e); kind != 0 {
		return nil, result(kind, e)
	}
	return takeReply(reply), nil
}

func takeReply(reply *C.shmbus_reply_t) []byte {
	var size C.size_t
	data := C.shmbus_reply_data(reply, &size)
	out := append([]byte{}, view(data, size)...)
	C.shmbus_reply_drop(reply)
	return out
}

// view is memory of C as a slice.
func view(data unsafe.Pointer, size C.size_t) []byte {
	if data == nil || size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(data), int(size))
}

// Send sends one-way: no reply.
func (c *Caller) Send(ctx context.Context, request []byte) error {
	timeout, end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := c.awaitHandler(ctx, timeout); err != nil {
		return err
	}
	e := newError()
	return result(C.go_send(c.c, pointer(request), C.size_t(len(request)), timeout, e), e)
}

// CallInPlace is a call whose request of `size` bytes is written by fill where its handler reads it.
// The slice is memory of the bus, not cleared; it ends when fill returns. An error of fill is
// returned, and nothing was sent.
func (c *Caller) CallInPlace(ctx context.Context, size int, fill func([]byte) error) ([]byte, error) {
	timeout, end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := c.awaitHandler(ctx, timeout); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loan, err := c.loan(size, c.options.Room, fill)
	if err != nil {
		return nil, err
	}
	reply, err := c.callUntilDone(ctx, timeout, func(_ C.size_t, pending **C.shmbus_pending_t, ready *C.int, e *cError) C.int {
		kind := C.shmbus_loan_start(loan, timeout, pending, e)
		if kind == 0 {
			loan = nil
			*ready = C.shmbus_pending_wait_ready(*pending, firstWait)
		}
		return kind
	})
	if loan != nil {
		C.shmbus_loan_drop(loan)
	}
	return reply, err
}

// SendInPlace is Send in the way of CallInPlace.
func (c *Caller) SendInPlace(ctx context.Context, size int, fill func([]byte) error) error {
	timeout, end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := c.awaitHandler(ctx, timeout); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loan, err := c.loan(size, 0, fill)
	if err != nil {
		return err
	}
	e := newError()
	kind := C.shmbus_loan_send(loan, timeout, e)
	if kind != 0 {
		C.shmbus_loan_drop(loan)
	}
	return result(kind, e)
}

// loan is a filled loan of this thread.
func (c *Caller) loan(size, room int, fill func([]byte) error) (loan *C.shmbus_loan_t, err error) {
	if size < 0 {
		return nil, fail(InvalidArgument, "a negative size")
	}
	var here *C.shmbus_caller_t
	e := newError()
	if kind := C.go_caller_here(c.c, &here, e); kind != 0 {
		return nil, result(kind, e)
	}
	var data unsafe.Pointer
	if kind := C.shmbus_caller_loan(here, C.size_t(size), C.size_t(room), &loan, &data, e); kind != 0 {
		return nil, result(kind, e)
	}
	filled := false
	defer func() { // also when fill panics
		if !filled {
			C.shmbus_loan_drop(loan)
		}
	}()
	if err = fill(view(data, C.size_t(size))); err != nil {
		return nil, err
	}
	filled = true
	return loan, nil
}
