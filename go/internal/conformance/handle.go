package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"shmbus"
)

var tally int64

func echo(_ context.Context, request []byte) ([]byte, error) { return request, nil }

func stay(ctx context.Context, _ []byte) ([]byte, error) {
	say("started stay")
	for {
		if ctx.Err() == context.Canceled {
			say("cancelled stay")
			return nil, shmbus.Reject(9, "stopped")
		}
		if shmbus.CommandOf(ctx).CallerGone() {
			say("gone stay")
			return nil, nil
		}
		time.Sleep(time.Millisecond)
	}
}

func remaining(ctx context.Context, _ []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return []byte("none"), nil
	}
	return []byte(strconv.FormatInt(time.Until(deadline).Milliseconds(), 10)), nil
}

func point(_ context.Context, request []byte) ([]byte, error) {
	if len(request) != 8 {
		return nil, shmbus.Refuse(shmbus.InvalidArgument, 0, "no point")
	}
	sum := binary.LittleEndian.Uint32(request) + binary.LittleEndian.Uint32(request[4:])
	return binary.LittleEndian.AppendUint32(nil, sum), nil
}

func grown(_ context.Context, request []byte) ([]byte, error) {
	if len(request) < 4 {
		return nil, shmbus.Refuse(shmbus.InvalidArgument, 0, "too short")
	}
	sum := binary.LittleEndian.Uint32(request)
	if len(request) >= 16 && request[12] == 1 {
		sum += binary.LittleEndian.Uint32(request[8:])
	}
	return binary.LittleEndian.AppendUint32(nil, sum), nil
}

// stopped reports the end of a stream that was not the usual one.
func stopped(name string, err error) error {
	say("stopped %s %s", name, kindOf(err))
	return shmbus.Reject(8, "stopped")
}

func out(ctx context.Context, request []byte) ([]byte, error) {
	words := strings.Fields(string(request))
	count, _ := strconv.Atoi(words[0])
	size, _ := strconv.Atoi(words[1])
	writer, err := shmbus.WriterOf(ctx)
	if err != nil {
		return nil, err
	}
	record := pattern(size)
	for i := 0; i < count; i++ {
		if err := writer.Put(record); err != nil {
			return nil, stopped("out", err)
		}
	}
	return nil, nil
}

func in(ctx context.Context, _ []byte) ([]byte, error) {
	reader, err := shmbus.ReaderOf(ctx)
	if err != nil {
		return nil, err
	}
	for count, size := 0, 0; ; count++ {
		record, err := reader.Next()
		if errors.Is(err, shmbus.StreamEnded) {
			return []byte(fmt.Sprint(count, " ", size)), nil
		}
		if err != nil {
			return nil, stopped("in", err)
		}
		size += len(record)
	}
}

func both(ctx context.Context, _ []byte) ([]byte, error) {
	reader, err := shmbus.ReaderOf(ctx)
	if err != nil {
		return nil, err
	}
	writer, err := shmbus.WriterOf(ctx)
	if err != nil {
		return nil, err
	}
	for {
		record, err := reader.Next()
		if errors.Is(err, shmbus.StreamEnded) {
			return nil, nil
		}
		if err == nil {
			err = writer.Put(record)
		}
		if err != nil {
			return nil, stopped("both", err)
		}
	}
}

// calls is the handlers that call others.
func calls(bus *shmbus.Bus, server *shmbus.Server, options shmbus.HandlerOptions) error {
	absent, err := bus.Caller("absent", shmbus.CallerOptions{})
	if err != nil {
		return err
	}
	never, err := bus.Caller("stay.never", shmbus.CallerOptions{Wait: true})
	if err != nil {
		return err
	}
	if err = server.Handle("because", func(ctx context.Context, _ []byte) ([]byte, error) {
		_, err := absent.Call(ctx, nil)
		return nil, shmbus.Because(5, "below", err, "absent")
	}, options); err != nil {
		return err
	}
	return server.Handle("nested", func(ctx context.Context, _ []byte) ([]byte, error) {
		_, err := never.Call(ctx, nil)
		return nil, shmbus.Reject(6, kindOf(err))
	}, options)
}

func handle(path, how string) error {
	bus, err := shmbus.Open(path)
	if err != nil {
		return err
	}
	defer bus.Close()
	server, err := bus.Serve(shmbus.ServeOptions{StandBy: how == "take-over"})
	if err != nil {
		return err
	}
	defer server.Close()
	options := shmbus.HandlerOptions{}
	if how == "join" {
		options.Sharing = shmbus.Group
	}
	for name, handler := range map[string]shmbus.Handler{
		"echo": echo, "größe.エコー": echo, "stay": stay, "remaining": remaining, "out": out, "in": in, "both": both,
		"refuse": func(context.Context, []byte) ([]byte, error) { return nil, shmbus.Reject(42, "nein: größer") },
		"forbid": func(context.Context, []byte) ([]byte, error) {
			return nil, shmbus.Refuse(shmbus.NotPermitted, 7, "not you")
		},
		"who": func(ctx context.Context, _ []byte) ([]byte, error) {
			return []byte(fmt.Sprint(shmbus.CommandOf(ctx).Caller().PID)), nil
		},
		"drop":  func(context.Context, []byte) ([]byte, error) { return nil, shmbus.Drop() },
		"tally": func(context.Context, []byte) ([]byte, error) { atomic.AddInt64(&tally, 1); return nil, nil },
		"total": func(context.Context, []byte) ([]byte, error) {
			return []byte(fmt.Sprint(atomic.LoadInt64(&tally))), nil
		},
	} {
		if err := server.Handle(name, handler, options); err != nil {
			return err
		}
	}
	later := options
	later.Concurrent = 8
	if err := server.Handle("later", func(_ context.Context, request []byte) ([]byte, error) {
		time.Sleep(5 * time.Millisecond)
		return request, nil
	}, later); err != nil {
		return err
	}
	typed := options
	typed.Schema = "{x:i32@0,y:i32@4}8/4->i32"
	if err := server.Handle("point", point, typed); err != nil {
		return err
	}
	typed.Schema = "{a:u32@0,b:opt<u32>@8}16/8->u32"
	if err := server.Handle("grown", grown, typed); err != nil {
		return err
	}
	if err := calls(bus, server, options); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if how == "take-over" {
		if err := server.TakeOver(ctx, shmbus.FailIfUnresponsive); err != nil {
			return err
		}
	}
	say("ready")
	if err := server.Run(ctx); err != nil {
		return err
	}
	if server.Replaced() {
		say("replaced")
	}
	return nil
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "features":
		say("calls loans causes defer gone inherits takeover events streams")
	case len(os.Args) == 4 && os.Args[1] == "handle":
		if err := handle(os.Args[2], os.Args[3]); err != nil {
			say("%s", errorLine(err))
			os.Exit(1)
		}
	case len(os.Args) == 3 && os.Args[1] == "call":
		if err := call(os.Args[2]); err != nil {
			say("%s", errorLine(err))
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "see tests/conformance/README.md")
		os.Exit(2)
	}
}
