package shmbus

// #include "bridge.h"
import "C"

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Command is the command that a handler runs: CommandOf(ctx). It belongs to the goroutine of its
// handler until that returns; then its methods return zero values, and errors.
type Command struct {
	Name     string
	OneWay   bool      // nobody reads a reply
	Room     int       // bytes that the caller made room for
	Deadline time.Time // zero: the caller named none
	Attempt  int       // 1, or which attempt of a call that is repeated after errors
	Trace    string    // W3C traceparent of this handler's work; ""

	request   []byte
	caller    CallerInfo
	mutex     sync.Mutex // of what follows, against the goroutine that looks whether it was cancelled
	c         *C.shmbus_context_t
	responder *C.shmbus_responder_t
	ended     bool
	ends      []func() // of readers and writers
	cancelled int32
	done      chan struct{}
	quit      chan struct{}
}

// CallerInfo is a caller, as its process describes itself.
type CallerInfo struct {
	PID   uint32
	UID   uint32
	Label string
}

type commandKey struct{}

// CommandOf is the command whose handler got ctx; nil outside of handlers.
func CommandOf(ctx context.Context) *Command {
	command, _ := ctx.Value(commandKey{}).(*Command)
	return command
}

func newCommand(c *C.shmbus_context_t) *Command {
	var size, nameSize C.size_t
	request := C.shmbus_context_request(c, &size)
	name := C.shmbus_context_name(c, &nameSize)
	command := &Command{c: c, request: view(request, size), Name: C.GoStringN(name, C.int(nameSize)),
		OneWay: C.shmbus_context_one_way(c) != 0, Room: int(C.shmbus_context_reply_capacity(c)),
		Attempt: int(C.shmbus_context_attempt(c))}
	if left := C.shmbus_context_remaining_ns(c); left != C.SHMBUS_FOREVER {
		command.Deadline = time.Now().Add(time.Duration(left))
	}
	var trace [56]C.char
	if C.shmbus_context_traceparent(c, &trace[0]) != 0 {
		command.Trace = C.GoString(&trace[0])
	}
	var info C.shmbus_caller_info_t
	info.size = C.size_t(unsafe.Sizeof(info))
	C.shmbus_context_caller(c, &info)
	command.caller = CallerInfo{uint32(info.pid), uint32(info.uid), C.GoString(&info.label[0])}
	return command
}

// Caller is the process that calls.
func (c *Command) Caller() CallerInfo { return c.caller }

// CallerGone says whether the caller was killed, has closed its bus, or its thread has ended. Always
// false in a concurrent handler.
func (c *Command) CallerGone() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return !c.ended && c.responder == nil && C.shmbus_context_caller_gone(c.c) != 0
}

func (c *Command) deferIt() *C.shmbus_responder_t {
	c.request = append([]byte{}, c.request...)
	c.responder = C.shmbus_context_defer(c.c)
	return c.responder
}

// look asks whether the command was cancelled.
func (c *Command) look() bool {
	if atomic.LoadInt32(&c.cancelled) != 0 {
		return true
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended {
		return true
	}
	asked := C.int(0)
	if c.responder != nil {
		asked = C.shmbus_responder_cancelled(c.responder)
	} else {
		asked = C.shmbus_context_cancelled(c.c)
	}
	if asked != 0 {
		atomic.StoreInt32(&c.cancelled, 1)
	}
	return asked != 0
}

// handlerContext is the context of a command. A goroutine looks after it once somebody asks for Done.
type handlerContext struct{ *Command }

func (h handlerContext) Deadline() (time.Time, bool) {
	return h.Command.Deadline, !h.Command.Deadline.IsZero()
}

func (h handlerContext) Value(key any) any {
	if key == (commandKey{}) {
		return h.Command
	}
	return nil
}

func (h handlerContext) Err() error {
	if h.look() {
		return context.Canceled
	}
	if deadline := h.Command.Deadline; !deadline.IsZero() && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func (h handlerContext) Done() <-chan struct{} {
	c := h.Command
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended {
			close(c.done)
			return c.done
		}
		c.quit = make(chan struct{})
		go h.lookAfter(c.done, c.quit)
	}
	return c.done
}

const lookEvery = time.Millisecond

func (h handlerContext) lookAfter(done chan<- struct{}, quit <-chan struct{}) {
	defer close(done)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for h.Err() == nil {
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
	}
}

// call runs the handler; a panic becomes an error.
func (c *Command) call(run Handler) (reply []byte, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = panicError(panicked)
		}
	}()
	return run(handlerContext{c}, c.request)
}

// finish answers, and ends the command.
func (c *Command) finish(reply []byte, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, end := range c.ends {
		end()
	}
	c.ended = true
	if c.quit != nil {
		close(c.quit)
	}
	switch {
	case err == errDrop && c.responder == nil:
		c.responder = C.shmbus_context_defer(c.c)
		fallthrough
	case err == errDrop:
		C.shmbus_responder_drop(c.responder)
	case err != nil:
		c.refuse(err)
	case c.responder != nil:
		C.shmbus_responder_reply(c.responder, pointer(reply), C.size_t(len(reply)), nil)
	case len(reply) != 0 && !c.OneWay:
		// The C side keeps what a reply needs for the caller's error.
		C.shmbus_context_reply(c.c, pointer(reply), C.size_t(len(reply)), nil)
	}
	c.c, c.responder, c.request = nil, nil, nil
}
