package shmbus

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
)

// Pending is a call under way, for a goroutine that has many at a time. It belongs to the goroutine
// that started it, which is locked to its thread until each of its pending calls was waited for.
type Pending struct {
	ctx    context.Context
	caller *Caller
	c      *C.shmbus_pending_t
}

// Start sends without waiting for the reply. Up to CellsPerLane - 1 calls of one goroutine to the
// same server may be under way.
func (c *Caller) Start(ctx context.Context, request []byte) (*Pending, error) {
	timeout, err := timeoutOf(ctx, c.options.Timeout)
	if err != nil {
		return nil, err
	}
	if err := c.acquire(); err != nil {
		return nil, err
	}
	if err := c.awaitHandler(ctx, timeout); err != nil {
		c.release()
		return nil, err
	}
	runtime.LockOSThread()
	p := &Pending{ctx: ctx, caller: c}
	var ready C.int
	e := newError()
	kind := C.go_start(c.c, pointer(request), C.size_t(len(request)), C.size_t(c.options.Room), timeout,
		0, &p.c, &ready, e)
	if kind != 0 {
		p.end()
		return nil, result(kind, e)
	}
	return p, nil
}

func (p *Pending) end() {
	p.c = nil
	runtime.UnlockOSThread()
	p.caller.release()
}

// Ready says whether Wait would return at once.
func (p *Pending) Ready() bool { return p.c == nil || C.shmbus_pending_ready(p.c) != 0 }

// Cancel asks not to start the command, or to stop it; Wait says which.
func (p *Pending) Cancel() {
	if p.c != nil {
		C.shmbus_pending_cancel(p.c)
	}
}

// Wait waits for the reply, once; as Call.
func (p *Pending) Wait() ([]byte, error) {
	if p.c == nil {
		return nil, fail(InvalidArgument, "this call was waited for")
	}
	flag := watch(p.ctx)
	ready := C.go_wait(p.c, flag.c())
	flag.end()
	defer p.end()
	if ready == 0 && p.ctx.Err() != context.DeadlineExceeded && C.go_cancel(p.c, cancelWait) == 0 {
		C.shmbus_pending_drop(p.c)
		return nil, ofContext(p.ctx.Err(), true)
	}
	return waitReply(p.c)
}
