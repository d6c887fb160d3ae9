package shmbus

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"unsafe"
)

// Records says which way the records of a stream go.
type Records int32

const (
	FromHandler Records = C.SHMBUS_RECORDS_FROM_HANDLER
	ToHandler   Records = C.SHMBUS_RECORDS_TO_HANDLER
	BothWays    Records = C.SHMBUS_RECORDS_BOTH
)

// StreamOptions; the zero value is the default.
type StreamOptions struct {
	Records Records
	Window  int // bytes of records under way in one direction; 0: 65280
	Room    int // bytes for a reply to the records of the caller; 0: 4096 unless FromHandler
}

// Stream is a call with records. It belongs to the goroutine that opened it, which is locked to its
// thread until Close: any other gets WrongThread.
type Stream struct {
	ctx    context.Context
	c      *C.shmbus_stream_t
	caller *Caller
	end    func()
	err    *cError
}

const streamSlice = 2 * time.Millisecond // how soon a stream that waits sees that its context is done

// Open starts a stream; its whole time is that of ctx. Close it: defer s.Close().
func (c *Caller) Open(ctx context.Context, request []byte, options StreamOptions) (*Stream, error) {
	timeout, end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	if _, limited := ctx.Deadline(); !limited {
		timeout = C.SHMBUS_FOREVER
	}
	if err := c.awaitHandler(ctx, timeout); err != nil {
		end()
		return nil, err
	}
	given := C.shmbus_stream_options_t{records: C.int32_t(options.Records), window: C.size_t(options.Window),
		reply_capacity: C.size_t(options.Room), timeout_ns: timeout}
	given.size = C.size_t(unsafe.Sizeof(given))
	if options.Room == 0 && options.Records != FromHandler {
		given.reply_capacity = 4096
	}
	runtime.LockOSThread()
	s := &Stream{ctx: ctx, caller: c, end: end, err: newError()}
	var here *C.shmbus_caller_t
	kind := C.go_caller_here(c.c, &here, s.err)
	if kind == 0 {
		kind = C.shmbus_caller_open(here, pointer(request), C.size_t(len(request)), &given, &s.c, s.err)
	}
	if kind != 0 {
		runtime.UnlockOSThread()
		end()
		return nil, result(kind, s.err)
	}
	return s, nil
}

// waiting repeats an operation that waits, in slices, until it does something or ctx is done.
func (s *Stream) waiting(operation func(timeout C.int64_t) C.int) error {
	if s.c == nil {
		return fail(InvalidArgument, "the stream is closed")
	}
	timeout := C.int64_t(streamSlice)
	if s.ctx.Done() == nil {
		timeout = C.SHMBUS_FOREVER
	}
	for {
		kind := operation(timeout)
		if kind != C.int(TimedOut) {
			return result(kind, s.err)
		}
		if err := s.ctx.Err(); err != nil {
			C.shmbus_stream_cancel(s.c)
			return ofContext(err, true)
		}
	}
}

// Next is the next record of the handler; StreamEnded when there is none any more: End says why. The
// slice is memory of the bus, valid until the next call of a method of the stream.
func (s *Stream) Next() ([]byte, error) {
	var data unsafe.Pointer
	var size C.size_t
	err := s.waiting(func(timeout C.int64_t) C.int {
		return C.shmbus_stream_next(s.c, timeout, &data, &size, s.err)
	})
	if err != nil {
		return nil, err
	}
	return view(data, size), nil
}

// Put sends a record to the handler; StreamEnded when it takes none any more: End says why.
func (s *Stream) Put(record []byte) error {
	return s.waiting(func(timeout C.int64_t) C.int {
		return C.shmbus_stream_put(s.c, pointer(record), C.size_t(len(record)), timeout, s.err)
	})
}

// CloseSend tells the handler that no record will follow.
func (s *Stream) CloseSend() error {
	if s.c == nil {
		return errClosed()
	}
	return result(C.shmbus_stream_close(s.c, s.err), s.err)
}

// End closes the caller's side, passes over records that were not read, and waits until the handler
// has answered: nil when the stream ended in good order, or what ended it. Cancel first to stop early.
func (s *Stream) End() error {
	_, err := s.Finish()
	return err
}

// Finish is End, with the reply of the handler. A context that is done before it waits cancels the
// stream; once it waits, the deadline of the context counts.
func (s *Stream) Finish() ([]byte, error) {
	if s.c == nil {
		return nil, errClosed()
	}
	var reply *C.shmbus_reply_t
	if s.ctx.Err() != nil {
		C.shmbus_stream_cancel(s.c)
	}
	if kind := C.shmbus_stream_finish(s.c, &reply, s.err); kind != 0 {
		return nil, result(kind, s.err)
	}
	return takeReply(reply), nil
}

// Cancel asks the handler to stop: its next Put or Next fails with Cancelled.
func (s *Stream) Cancel() {
	if s.c != nil {
		C.shmbus_stream_cancel(s.c)
	}
}

// Close cancels the call if it has not ended, and lets the goroutine leave its thread. On the
// goroutine that opened it.
func (s *Stream) Close() {
	if s.c == nil {
		return
	}
	C.shmbus_stream_free(s.c)
	s.c = nil
	runtime.UnlockOSThread()
	s.end()
}

// RecordsOf is a stream from the handler as a channel, which ends with the stream; then, and not
// before, Err says how. Cancel ctx to stop early: the channel need not be emptied then.
type RecordsOf struct {
	C   <-chan []byte
	err error
	end chan struct{}
}

// Err waits for the end of the stream: nil when the handler ended it in good order.
func (r *RecordsOf) Err() error {
	<-r.end
	return r.err
}

// Records calls a command that answers with records. `buffer` records wait in the channel at most.
func (c *Caller) Records(ctx context.Context, request []byte, buffer int) *RecordsOf {
	out := make(chan []byte, buffer)
	r := &RecordsOf{C: out, end: make(chan struct{})}
	go func() {
		defer close(r.end)
		defer close(out)
		r.err = c.pump(ctx, request, out)
	}()
	return r
}

func (c *Caller) pump(ctx context.Context, request []byte, out chan<- []byte) error {
	s, err := c.Open(ctx, request, StreamOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		record, err := s.Next()
		if err != nil {
			if e, ok := err.(*Error); ok && e.Kind == StreamEnded {
				return s.End()
			}
			return err
		}
		select {
		case out <- append([]byte{}, record...):
		case <-ctx.Done():
			s.Cancel()
			return ofContext(ctx.Err(), true)
		}
	}
}
