package shmbus

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// Writer is the handler's side of a stream to its caller. It ends with the handler.
type Writer struct {
	c *C.shmbus_writer_t
}

// Reader is the handler's side of a stream from its caller. It ends with the handler.
type Reader struct {
	c *C.shmbus_reader_t
}

func errReturned() error {
	return fail(InvalidArgument, "the handler has returned: its command, reader and writer ended with it")
}

// openEnd opens one end of the stream of the command whose handler got ctx; free ends it with the
// command.
func openEnd(ctx context.Context, open func(*Command, *C.shmbus_error_t) C.int, free func()) error {
	c := CommandOf(ctx)
	if c == nil {
		return fail(InvalidArgument, "not the context of a handler")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended {
		return errReturned()
	}
	e := newError()
	if kind := open(c, e); kind != 0 {
		return result(kind, e)
	}
	c.ends = append(c.ends, free)
	return nil
}

// WriterOf opens the stream to the caller of the command whose handler got ctx. InvalidArgument: it is
// no such stream, or was opened before.
func WriterOf(ctx context.Context) (*Writer, error) {
	w := &Writer{}
	open := func(c *Command, e *C.shmbus_error_t) C.int {
		if c.responder != nil {
			return C.shmbus_responder_writer(c.responder, &w.c, e)
		}
		return C.shmbus_context_writer(c.c, &w.c, e)
	}
	if err := openEnd(ctx, open, func() { C.shmbus_writer_free(w.c); w.c = nil }); err != nil {
		return nil, err
	}
	return w, nil
}

// Put sends a record. Cancelled: the caller wants no more, or has gone: return.
func (w *Writer) Put(record []byte) error {
	if w.c == nil {
		return errReturned()
	}
	e := newError()
	return result(C.shmbus_writer_put(w.c, pointer(record), C.size_t(len(record)), C.SHMBUS_FOREVER, e), e)
}

// ReaderOf opens the stream from the caller of the command whose handler got ctx.
func ReaderOf(ctx context.Context) (*Reader, error) {
	r := &Reader{}
	open := func(c *Command, e *C.shmbus_error_t) C.int {
		if c.responder != nil {
			return C.shmbus_responder_reader(c.responder, &r.c, e)
		}
		return C.shmbus_context_reader(c.c, &r.c, e)
	}
	if err := openEnd(ctx, open, func() { C.shmbus_reader_free(r.c); r.c = nil }); err != nil {
		return nil, err
	}
	return r, nil
}

// Next is the next record of the caller. StreamEnded: the caller has closed the stream after its last
// one; Cancelled: it has given the call up, or has gone. The slice is memory of the bus, valid until
// the next call of Next.
func (r *Reader) Next() ([]byte, error) {
	if r.c == nil {
		return nil, errReturned()
	}
	var data unsafe.Pointer
	var size C.size_t
	e := newError()
	if kind := C.shmbus_reader_next(r.c, C.SHMBUS_FOREVER, &data, &size, e); kind != 0 {
		return nil, result(kind, e)
	}
	return view(data, size), nil
}
