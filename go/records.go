package shmbus

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// Writer is the handler's side of a stream to its caller. It ends with the handler.
type Writer struct {
	command *Command
	c       *C.shmbus_writer_t
}

// Reader is the handler's side of a stream from its caller. It ends with the handler.
type Reader struct {
	command *Command
	c       *C.shmbus_reader_t
}

func errReturned() error {
	return fail(InvalidArgument, "the handler has returned: its command, reader and writer ended with it")
}

// WriterOf opens the stream to the caller of the command whose handler got ctx. InvalidArgument: it is
// no such stream, or was opened before.
func WriterOf(ctx context.Context) (*Writer, error) {
	c := CommandOf(ctx)
	if c == nil {
		return nil, fail(InvalidArgument, "not the context of a handler")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended {
		return nil, errReturned()
	}
	w := &Writer{command: c}
	e := newError()
	var kind C.int
	if c.responder != nil {
		kind = C.shmbus_responder_writer(c.responder, &w.c, e)
	} else {
		kind = C.shmbus_context_writer(c.c, &w.c, e)
	}
	if kind != 0 {
		return nil, result(kind, e)
	}
	c.ends = append(c.ends, func() { C.shmbus_writer_free(w.c); w.c = nil })
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
	c := CommandOf(ctx)
	if c == nil {
		return nil, fail(InvalidArgument, "not the context of a handler")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended {
		return nil, errReturned()
	}
	r := &Reader{command: c}
	e := newError()
	var kind C.int
	if c.responder != nil {
		kind = C.shmbus_responder_reader(c.responder, &r.c, e)
	} else {
		kind = C.shmbus_context_reader(c.c, &r.c, e)
	}
	if kind != 0 {
		return nil, result(kind, e)
	}
	c.ends = append(c.ends, func() { C.shmbus_reader_free(r.c); r.c = nil })
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
