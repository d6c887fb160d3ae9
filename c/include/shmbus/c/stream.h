/* Streams: many records for one call, to the caller, from it, or both ways (docs/streams.md). Where
 * a timeout is SHMBUS_DEFAULT_TIMEOUT, that of the gap counts on the caller's side, and none on the
 * handler's. Records are aligned to 8 bytes. Times are nanoseconds. Rules: shmbus/shmbus.h. */
#ifndef SHMBUS_C_STREAM_H
#define SHMBUS_C_STREAM_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The caller's side. It belongs to the thread of its caller. ---- */

/* Which way records go. */
enum { SHMBUS_RECORDS_FROM_HANDLER = 0, SHMBUS_RECORDS_TO_HANDLER = 1, SHMBUS_RECORDS_BOTH = 2 };

typedef struct shmbus_stream_options_t {
  size_t size;           /* of this struct */
  int32_t records;       /* SHMBUS_RECORDS_... */
  uint32_t reserved;     /* 0 */
  size_t window;         /* bytes under way in one direction, with 8 of each record's own; 0: 65280.
                          * The largest record takes 8 bytes less */
  size_t reply_capacity; /* room for a reply to records of the caller */
  int64_t timeout_ns;    /* of the whole stream; 0: none */
  int64_t gap_ns;        /* how long next waits for a record, and put for room; 0: no limit */
} shmbus_stream_options_t;

/* Starts a call with records. `request` is NULL and `request_size` 0 where the caller sends
 * records. Allocates. The errors of calls, without those of the handler. */
SHMBUS_C_API int shmbus_caller_open(shmbus_caller_t* caller, const void* request,
                                    size_t request_size, const shmbus_stream_options_t* options,
                                    shmbus_stream_t** stream, shmbus_error_t* error);
/* Cancels the call, if it has not ended. */
SHMBUS_C_API void shmbus_stream_free(shmbus_stream_t* stream);

/* The next record of the handler, in place; valid until the next function on this stream. Errors:
 * STREAM_ENDED (there is none any more: shmbus_stream_end says why), TIMED_OUT (none came in time,
 * and the stream goes on), CORRUPTED. */
SHMBUS_C_API int shmbus_stream_next(shmbus_stream_t* stream, int64_t timeout_ns,
                                    const void** record, size_t* size, shmbus_error_t* error);
/* 1: next would return at once. 1 of NULL. */
SHMBUS_C_API int shmbus_stream_ready(shmbus_stream_t* stream);
/* Sends a record to the handler. Errors: STREAM_ENDED (it takes none any more: shmbus_stream_end
 * says why), TIMED_OUT (there was no room in time, and it was not sent), TOO_LARGE. */
SHMBUS_C_API int shmbus_stream_put(shmbus_stream_t* stream, const void* record, size_t size,
                                   int64_t timeout_ns, shmbus_error_t* error);
/* Memory for a record to the handler, not cleared; valid until commit, put or another loan. Errors
 * as those of put. */
SHMBUS_C_API int shmbus_stream_loan(shmbus_stream_t* stream, size_t size, int64_t timeout_ns,
                                    void** data, shmbus_error_t* error);
/* Sends the first `size` bytes of it. */
SHMBUS_C_API int shmbus_stream_commit(shmbus_stream_t* stream, size_t size, shmbus_error_t* error);
/* Says that no record of the caller will follow. */
SHMBUS_C_API int shmbus_stream_close(shmbus_stream_t* stream, shmbus_error_t* error);

/* Closes, passes over the records that were not read, waits until the handler has answered: OK when
 * it ended in good order, or the error that ended the stream. As often as you like. */
SHMBUS_C_API int shmbus_stream_end(shmbus_stream_t* stream, shmbus_error_t* error);
/* The same with the reply, once. */
SHMBUS_C_API int shmbus_stream_finish(shmbus_stream_t* stream, shmbus_reply_t** reply,
                                      shmbus_error_t* error);
/* Asks the handler to stop: its next put or next returns CANCELLED. What it has put before can
 * still be read. */
SHMBUS_C_API void shmbus_stream_cancel(shmbus_stream_t* stream);

/* ---- The handler's side: records to the caller, and from it. Used by one thread at a time: those
 * of a context on the handler's thread alone, and freed before the handler returns; those of a
 * responder by any thread, and freed before it answers. ---- */

/* Allocate. Errors: INVALID_ARGUMENT (the command is no such stream, has one already, or was
 * deferred: then ask the responder). */
SHMBUS_C_API int shmbus_context_writer(shmbus_context_t* command, shmbus_writer_t** writer,
                                       shmbus_error_t* error);
SHMBUS_C_API int shmbus_context_reader(shmbus_context_t* command, shmbus_reader_t** reader,
                                       shmbus_error_t* error);
SHMBUS_C_API int shmbus_responder_writer(shmbus_responder_t* responder, shmbus_writer_t** writer,
                                         shmbus_error_t* error);
SHMBUS_C_API int shmbus_responder_reader(shmbus_responder_t* responder, shmbus_reader_t** reader,
                                         shmbus_error_t* error);

/* Errors: CANCELLED (the caller wants no more, or has gone), TIMED_OUT (there was no room in time),
 * TOO_LARGE, ABANDONED (the server has left). */
SHMBUS_C_API int shmbus_writer_put(shmbus_writer_t* writer, const void* record, size_t size,
                                   int64_t timeout_ns, shmbus_error_t* error);
/* Memory for a record, not cleared; valid until commit, put or another loan. Errors as put. */
SHMBUS_C_API int shmbus_writer_loan(shmbus_writer_t* writer, size_t size, int64_t timeout_ns,
                                    void** data, shmbus_error_t* error);
/* Sends the first `size` bytes of it. */
SHMBUS_C_API int shmbus_writer_commit(shmbus_writer_t* writer, size_t size, shmbus_error_t* error);
SHMBUS_C_API void shmbus_writer_free(shmbus_writer_t* writer);

/* The next record of the caller, in place; valid until the next function on this reader. Errors:
 * STREAM_ENDED (the caller has closed the stream after its last record), CANCELLED (it has given
 * the call up, or has gone), TIMED_OUT (none came in time), CORRUPTED, ABANDONED. */
SHMBUS_C_API int shmbus_reader_next(shmbus_reader_t* reader, int64_t timeout_ns,
                                    const void** record, size_t* size, shmbus_error_t* error);
/* 1: next would return at once. 1 of NULL. */
SHMBUS_C_API int shmbus_reader_ready(shmbus_reader_t* reader);
SHMBUS_C_API void shmbus_reader_free(shmbus_reader_t* reader);

#ifdef __cplusplus
}
#endif

#endif
