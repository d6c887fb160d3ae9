package shmbus

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

// PublisherOptions; the zero value is the default.
type PublisherOptions struct {
	Keep       int    // so many of the last events are left to those that come late; 0: 1
	EventBytes int    // room for one event; 0: the bytes of its type, or 48
	Schema     string // "type->none"; "": any bytes
}

// Publisher publishes events of one name. Any goroutine may use it.
type Publisher struct {
	bus   *Bus
	mutex sync.Mutex
	c     *C.shmbus_publisher_t
}

// Publisher makes one. AlreadyRegistered: the name is a command's.
func (b *Bus) Publisher(name string, options PublisherOptions) (*Publisher, error) {
	if !b.acquire() {
		return nil, errClosed()
	}
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	given := C.shmbus_publisher_options_t{keep: C.uint32_t(options.Keep), event_bytes: C.uint32_t(options.EventBytes)}
	given.size = C.size_t(unsafe.Sizeof(given))
	if options.Schema != "" {
		given.schema = C.CString(options.Schema)
		defer C.free(unsafe.Pointer(given.schema))
	}
	p := &Publisher{bus: b}
	e := newError()
	if err := result(C.shmbus_publisher_new(b.c, cName, &given, &p.c, e), e); err != nil {
		b.release()
		return nil, err
	}
	return p, nil
}

// Publish publishes an event and returns its number, counted from 1. It waits, until the deadline of
// ctx or the timeout of the bus, only for subscribers that hold; then Overloaded names one.
func (p *Publisher) Publish(ctx context.Context, event []byte) (uint64, error) {
	timeout, err := timeoutOf(ctx, 0)
	if err != nil {
		return 0, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.c == nil {
		return 0, errClosed()
	}
	var sequence C.uint64_t
	e := newError()
	kind := C.shmbus_publish(p.c, pointer(event), C.size_t(len(event)), timeout, &sequence, e)
	return uint64(sequence), result(kind, e)
}

// Close ends it. Its last events stay for those that come late.
func (p *Publisher) Close() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.c != nil {
		C.shmbus_publisher_free(p.c)
		p.c = nil
		p.bus.release()
	}
}

// From says where a subscriber begins.
type From int32

const (
	FromNow    From = C.SHMBUS_FROM_NOW    // with the next event
	FromLatest From = C.SHMBUS_FROM_LATEST // with the last one, also when its publisher has gone
	FromOldest From = C.SHMBUS_FROM_OLDEST // with the oldest that is left
)

// SubscriberOptions; the zero value is the default.
type SubscriberOptions struct {
	From   From
	Hold   bool   // publishers wait for this subscriber, instead of going on while it misses events
	Schema string // "type->none"; "": any bytes
}

// Event is one event, as a copy.
type Event struct {
	Data      []byte
	Sequence  uint64 // counts the events of one publisher, from 1
	Publisher uint32 // tells the opened buses that published apart
}

// Subscriber reads the events of one name. One goroutine at a time may use it: another gets
// WrongThread at once.
type Subscriber struct {
	bus  *Bus
	c    *C.shmbus_subscriber_t
	busy int32
}

// Subscribe makes one. There need not be a publisher yet.
func (b *Bus) Subscribe(name string, options SubscriberOptions) (*Subscriber, error) {
	if !b.acquire() {
		return nil, errClosed()
	}
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	given := C.shmbus_subscriber_options_t{from: C.int32_t(options.From)}
	given.size = C.size_t(unsafe.Sizeof(given))
	if options.Hold {
		given.when_slow = C.SHMBUS_WHEN_SLOW_HOLD
	}
	if options.Schema != "" {
		given.schema = C.CString(options.Schema)
		defer C.free(unsafe.Pointer(given.schema))
	}
	s := &Subscriber{bus: b}
	e := newError()
	if err := result(C.shmbus_subscriber_new(b.c, cName, &given, &s.c, e), e); err != nil {
		b.release()
		return nil, err
	}
	return s, nil
}

// enter takes the subscriber for one operation of one goroutine.
func (s *Subscriber) enter() error {
	if !atomic.CompareAndSwapInt32(&s.busy, 0, 1) {
		return fail(WrongThread, "another goroutine uses this subscriber: make one for each")
	}
	if s.c == nil {
		atomic.StoreInt32(&s.busy, 0)
		return errClosed()
	}
	return nil
}

func (s *Subscriber) leave() { atomic.StoreInt32(&s.busy, 0) }

const eventSlice = 20 * time.Millisecond // how soon a wait sees that its context is done

// Next waits for the next event until ctx is done; with one that never is, for the timeout of the bus.
func (s *Subscriber) Next(ctx context.Context) (Event, error) {
	if err := s.enter(); err != nil {
		return Event{}, err
	}
	defer s.leave()
	timeout, err := timeoutOf(ctx, 0)
	if err != nil {
		return Event{}, err
	}
	return s.next(ctx, timeout)
}

func (s *Subscriber) next(ctx context.Context, timeout C.int64_t) (Event, error) {
	e := newError()
	for {
		slice := timeout
		if ctx.Done() != nil {
			slice = C.int64_t(eventSlice)
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < eventSlice {
				slice = C.int64_t(time.Until(deadline))
			}
		}
		if slice < 0 && slice != defaultTimeout {
			slice = 0
		}
		var got C.shmbus_event_t
		got.size = C.size_t(unsafe.Sizeof(got))
		kind := C.shmbus_subscriber_next(s.c, slice, &got, e)
		if kind == 0 {
			event := Event{append([]byte{}, view(got.data, got.data_size)...), uint64(got.sequence), uint32(got.publisher)}
			C.shmbus_subscriber_release(s.c)
			return event, nil
		}
		if Kind(kind) != TimedOut || ctx.Done() == nil {
			return Event{}, result(kind, e)
		}
		if err := ctx.Err(); err != nil {
			return Event{}, ofContext(err, false)
		}
	}
}

// Events delivers events to a channel until ctx is done or something fails; then it closes the
// channel, and err() says what: nil when ctx was done. The channel's goroutine uses the subscriber
// until then.
func (s *Subscriber) Events(ctx context.Context, buffer int) (events <-chan Event, err func() error) {
	out := make(chan Event, buffer)
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		if failed = s.enter(); failed != nil {
			return
		}
		defer s.leave()
		for ctx.Err() == nil {
			event, err := s.next(ctx, C.SHMBUS_FOREVER)
			if err != nil {
				if ctx.Err() == nil {
					failed = err
				}
				return
			}
			select {
			case out <- event:
			case <-ctx.Done():
			}
		}
	}()
	return out, func() error { <-done; return failed }
}

// Missed counts events that were overwritten before this subscriber came to them.
func (s *Subscriber) Missed() (uint64, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	return uint64(C.shmbus_subscriber_missed(s.c)), nil
}

// Close ends it. WrongThread while another goroutine uses it.
func (s *Subscriber) Close() error {
	if err := s.enter(); err != nil {
		if err.(*Error).Kind == WrongThread {
			return err
		}
		return nil // it was closed before
	}
	defer s.leave()
	C.shmbus_subscriber_free(s.c)
	s.c = nil
	s.bus.release()
	return nil
}
