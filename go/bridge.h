// What the Go files call beside shmbus.h: callers of the thread that runs, and closures of
// handlers.
#ifndef SHMBUS_GO_BRIDGE_H
#define SHMBUS_GO_BRIDGE_H

#include <shmbus/shmbus.h>

// Makes callers of one name, one in each thread that calls. Shared by all threads.
typedef struct go_caller go_caller;

// Copies name and schema. NULL: no memory.
go_caller* go_caller_new(shmbus_bus_t* bus, const char* name, const char* schema,
                         const shmbus_caller_options_t* options);
// Each thread frees its own caller when it next uses any, or when it ends.
void go_caller_close(go_caller* caller);
// The caller of this thread, made if there is none yet.
int go_caller_here(go_caller* caller, shmbus_caller_t** here, shmbus_error_t* error);

int go_call(go_caller* caller, const void* request, size_t size, void* reply, size_t room,
            size_t* reply_size, int64_t timeout_ns, shmbus_error_t* error);
int go_send(go_caller* caller, const void* request, size_t size, int64_t timeout_ns,
            shmbus_error_t* error);
// Starts a call and waits up to wait_ns; *ready says whether pending has its result.
int go_start(go_caller* caller, const void* request, size_t size, size_t room, int64_t timeout_ns,
             int64_t wait_ns, shmbus_pending_t** pending, int* ready, shmbus_error_t* error);
// Waits until pending is ready or *stop is not 0; looks at it at least every 2 ms. 1: ready.
int go_wait(shmbus_pending_t* pending, const int32_t* stop);
// Cancels, and waits up to wait_ns for what became of it. 1: ready.
int go_cancel(shmbus_pending_t* pending, int64_t wait_ns);
// Waits until a handler has the name, for up to 2 ms at a time until *stop is not 0.
int go_await_name(shmbus_bus_t* bus, const char* name, int64_t timeout_ns, const int32_t* stop,
                  shmbus_error_t* error);

int go_server_on(shmbus_server_t* server, const char* name, uintptr_t handle, const char* schema,
                 int32_t sharing, shmbus_error_t* error);
void go_error_init(shmbus_error_t* error);

#endif
