/* What caller.c and held.c share: a caller, and what is made with it. */
#ifndef SHMBUS_PYTHON_CALLER_H
#define SHMBUS_PYTHON_CALLER_H

#include "native.h"

typedef struct Dead {
  struct Dead* next;
  shmbus_loan_t* loan;
  shmbus_pending_t* pending;
  shmbus_reply_t* reply;
  shmbus_stream_t* stream;
} Dead;

/* What the objects of one caller share; it goes with the last of them. */
typedef struct Thread {
  struct Thread* next; /* in `graves` */
  shmbus_caller_t* caller;
  unsigned long thread;
  Dead* dead;
} Thread;

typedef struct {
  PyObject_HEAD Bus* bus; /* of `name`, for those that wait for a handler */
  Thread* mine;
  char* name;
  int waits; /* for a handler */
  int fails; /* when there is no room, instead of waiting */
} Caller;

typedef struct {
  PyObject_HEAD Caller* caller;
  shmbus_pending_t* pending;
} Pending;

typedef struct {
  PyObject_HEAD Caller* caller;
  shmbus_reply_t* reply;
} Reply;

typedef struct {
  PyObject_HEAD Caller* caller;
  shmbus_loan_t* loan; /* NULL while it is being sent, and afterwards */
  Py_ssize_t views;
} Loan;

/* Something to send: what, and where the result goes. */
typedef enum { START, SEND, LOAN, LOAN_START, LOAN_SEND, OPEN } What;

typedef struct {
  What what;
  const void* data;
  size_t size, room;
  shmbus_loan_t* loan;
  shmbus_pending_t* pending;
  uint64_t sequence;
  int records; /* of OPEN, with `window` and `stream` */
  Py_ssize_t window;
  shmbus_stream_t* stream;
} Job;

/* 1 and an exception on another thread; the handle is not touched. */
int wrong_thread(const Caller* caller);
/* Ends a handle, or keeps it until its own thread comes back. */
void drop(Thread* thread, shmbus_loan_t* loan, shmbus_pending_t* pending, shmbus_reply_t* reply);
void drop_stream(Thread* thread, shmbus_stream_t* stream);
/* Does the job. While there is no handler, or no room, it tries again until the deadline if the
 * caller is to wait. -1 and an exception. */
int send_until(const Caller* caller, Job* job, int64_t timeout);

/* stream.c */
PyObject* caller_open(PyObject* self, PyObject* args);

/* held.c */
PyObject* hold_pending(Caller* caller, shmbus_pending_t* pending);
PyObject* hold_loan(Caller* caller, shmbus_loan_t* loan);
/* Takes `pending`. Ctrl-C asks for its cancellation and gives the reply up. */
int wait_for(shmbus_pending_t* pending, shmbus_reply_t** reply);
int add_held_types(PyObject* module, State* s);

#endif
