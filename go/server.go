package shmbus

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
	"time"
	"unsafe"
)

// Handler handles one command: the reply, or an error. Reject, Because and Refuse say what the
// caller gets; another *Error is a rejection with code -1 that has it as its cause, any other error,
// or a panic, one with code -1 and its text. request is memory of the bus, valid until the handler
// returns. CommandOf(ctx) has the rest. ctx has the deadline of the caller, and ends when the caller
// cancels or gives up; calls made with it inherit both.
type Handler func(ctx context.Context, request []byte) ([]byte, error)

// ServeOptions of a server; the zero value is the default.
type ServeOptions struct {
	Label       string // shown as the owner of the names; "": that of the bus
	GlobalOrder bool   // commands of all callers in one order
	Spin        bool
	StandBy     bool // no name leads here until TakeOver or StandBy
}

// HandlerOptions of one name.
type HandlerOptions struct {
	Concurrent int // so many of its commands run at a time, each in a goroutine; 0: one at a time, in order
	Sharing    Sharing
	Schema     string // "request->reply"; "": any bytes
}

// Sharing says whether other servers may register the same name.
type Sharing int32

const (
	Exclusive Sharing = C.SHMBUS_SHARING_EXCLUSIVE // no other server has the name
	Group     Sharing = C.SHMBUS_SHARING_GROUP     // the servers of a group share its commands
)

// IfUnresponsive says what TakeOver does with a server that does not hand over before the deadline.
type IfUnresponsive int32

const (
	FailIfUnresponsive IfUnresponsive = C.SHMBUS_IF_UNRESPONSIVE_FAIL // TakeOver fails with TimedOut
	KillIfUnresponsive IfUnresponsive = C.SHMBUS_IF_UNRESPONSIVE_KILL // its process is killed
)

// Server runs handlers of names.
type Server struct {
	bus     *Bus
	c       *C.shmbus_server_t
	mutex   sync.Mutex // of what follows
	closed  bool
	running bool
	work    sync.WaitGroup // concurrent handlers
}

type handler struct {
	server *Server
	run    Handler
	slots  chan struct{} // nil: on the thread that serves
}

// Serve makes a server. It takes part in the bus once its first name is registered.
func (b *Bus) Serve(options ServeOptions) (*Server, error) {
	if !b.acquire() {
		return nil, errClosed()
	}
	given := C.shmbus_serve_options_t{}
	given.size = C.size_t(unsafe.Sizeof(given))
	if options.Label != "" {
		given.label = C.CString(options.Label)
		defer C.free(unsafe.Pointer(given.label))
	}
	if options.GlobalOrder {
		given.order = C.SHMBUS_ORDER_GLOBAL
	}
	if options.Spin {
		given.wait = C.SHMBUS_WAIT_SPINNING
	}
	if options.StandBy {
		given.stand_by = 1
	}
	s := &Server{bus: b}
	e := newError()
	if err := result(C.shmbus_server_new(b.c, &given, &s.c, e), e); err != nil {
		b.release()
		return nil, err
	}
	return s, nil
}

// enter takes the server for one function.
func (s *Server) enter(what string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return errClosed()
	}
	if s.running {
		return fail(WrongThread, what+": another goroutine uses this server: handlers are registered before Run, and one Run goes on at a time")
	}
	s.running = true
	return nil
}

func (s *Server) leave() {
	s.mutex.Lock()
	s.running = false
	s.mutex.Unlock()
}

// Handle registers the name. Before Run.
func (s *Server) Handle(name string, run Handler, options HandlerOptions) error {
	if err := s.enter("Handle"); err != nil {
		return err
	}
	defer s.leave()
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	var schema *C.char
	if options.Schema != "" {
		schema = C.CString(options.Schema)
		defer C.free(unsafe.Pointer(schema))
	}
	h := &handler{server: s, run: run}
	if options.Concurrent > 0 {
		h.slots = make(chan struct{}, options.Concurrent)
	}
	e := newError()
	// The library drops the handle in any case.
	return result(C.go_server_on(s.c, cName, C.uintptr_t(cgo.NewHandle(h)), schema, C.int32_t(options.Sharing), e), e)
}

// Run runs commands until ctx is done, or until another server has taken over all names; commands
// committed before that are run, and handlers that run have returned. Once for each server: a
// server that was stopped stays stopped. The error of ctx is not returned.
func (s *Server) Run(ctx context.Context) error {
	if err := s.enter("Run"); err != nil {
		return err
	}
	defer s.leave()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			C.shmbus_server_stop(s.c)
		case <-quit:
		}
	}()
	e := newError()
	err := result(C.shmbus_server_run(s.c, e), e)
	close(quit)
	<-done
	s.work.Wait()
	return err
}

// TakeOver takes the names of the handlers of a server that stands by from the server that has them,
// while that runs; no command is lost. Without a deadline it waits 5 s. Then Run.
func (s *Server) TakeOver(ctx context.Context, unresponsive IfUnresponsive) error {
	timeout, err := timeoutOf(ctx, 5*time.Second)
	if err != nil {
		return err
	}
	if err := s.enter("TakeOver"); err != nil {
		return err
	}
	defer s.leave()
	e := newError()
	return result(C.shmbus_server_take_over(s.c, timeout, C.int32_t(unresponsive), e), e)
}

// StandBy waits until nobody serves the names of the handlers, then takes them. Then Run.
func (s *Server) StandBy(ctx context.Context) error {
	if err := s.enter("StandBy"); err != nil {
		return err
	}
	defer s.leave()
	e := newError()
	var taken C.int
	for taken == 0 {
		if err := ctx.Err(); err != nil {
			return ofContext(err, false)
		}
		if kind := C.shmbus_server_stand_by(s.c, C.int64_t(50*time.Millisecond), &taken, e); kind != 0 {
			return result(kind, e)
		}
	}
	return nil
}

// Replaced says whether another server has taken over all names that this one had.
func (s *Server) Replaced() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return !s.closed && C.shmbus_server_replaced(s.c) != 0
}

// Close gives the names up. After Run has returned: else WrongThread.
func (s *Server) Close() error {
	if err := s.enter("Close"); err != nil {
		if err.(*Error).Kind == WrongThread {
			return err
		}
		return nil // it was closed before
	}
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.leave()
	C.shmbus_server_free(s.c)
	s.bus.release()
	return nil
}

//export goShmbusDrop
func goShmbusDrop(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

//export goShmbusHandle
func goShmbusHandle(handle C.uintptr_t, c *C.shmbus_context_t) {
	h := cgo.Handle(handle).Value().(*handler)
	command := newCommand(c)
	if h.slots == nil {
		command.finish(command.call(h.run))
		return
	}
	h.slots <- struct{}{}
	if command.deferIt() == nil {
		<-h.slots
		command.finish(nil, fail(Overloaded, "out of memory"))
		return
	}
	h.server.work.Add(1)
	go func() {
		defer h.server.work.Done()
		defer func() { <-h.slots }()
		command.finish(command.call(h.run))
	}()
}
