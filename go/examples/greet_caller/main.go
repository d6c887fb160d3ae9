// Calls the command of examples/greet.hpp from Go.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"shmbus"
)

const personSize = 4 + 32 // as shmbus::String<32> lies in memory: the length, then the bytes

func greet(ctx context.Context, path, name string) (string, error) {
	bus, err := shmbus.Open(path)
	if err != nil {
		return "", err
	}
	defer bus.Close()
	caller, err := bus.Caller("greet", shmbus.CallerOptions{
		Wait: true, Schema: "{name:str32@0}36/4->str64"}) // start in any order
	if err != nil {
		return "", err
	}
	defer caller.Close()
	request := make([]byte, personSize)
	binary.LittleEndian.PutUint32(request, uint32(copy(request[4:], name)))
	reply, err := caller.Call(ctx, request)
	if err != nil {
		return "", err // an *shmbus.Error: errors.Is(err, shmbus.NotRegistered)
	}
	if len(reply) < 4 || int(binary.LittleEndian.Uint32(reply)) > len(reply)-4 {
		return "", fmt.Errorf("a reply of %d bytes that is no greeting", len(reply))
	}
	return string(reply[4 : 4+binary.LittleEndian.Uint32(reply)]), nil
}

func main() {
	path, name := "hello", "world"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if len(os.Args) > 2 {
		name = os.Args[2]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	greeting, err := greet(ctx, path, name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(greeting)
}
