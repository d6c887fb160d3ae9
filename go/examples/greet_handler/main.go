// The handler of examples/greet.hpp in Go.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"shmbus"
)

// As shmbus::String<32> and String<64> lie in memory: the length, then the bytes.
const (
	schema       = "{name:str32@0}36/4->str64"
	personSize   = 4 + 32
	greetingSize = 4 + 64
)

func greet(_ context.Context, request []byte) ([]byte, error) {
	if len(request) != personSize || binary.LittleEndian.Uint32(request) > personSize-4 {
		return nil, shmbus.Refuse(shmbus.InvalidArgument, 0, "not a person")
	}
	name := request[4 : 4+binary.LittleEndian.Uint32(request)]
	reply := make([]byte, greetingSize)
	size := copy(reply[4:], append([]byte("hello from Go, "), name...))
	binary.LittleEndian.PutUint32(reply, uint32(size))
	return reply, nil
}

func run(path string) error {
	bus, err := shmbus.Open(path) // creates the bus when there is none
	if err != nil {
		return err
	}
	defer bus.Close()
	server, err := bus.Serve(shmbus.ServeOptions{})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.Handle("greet", greet, shmbus.HandlerOptions{Schema: schema}); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return server.Run(ctx)
}

func main() {
	path := "hello"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := run(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
