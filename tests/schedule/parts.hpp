// What participants do in the scenes. Each joins, says that it is ready, and acts; what it does is
// said where it is written.
#pragma once

namespace shmbus::schedule::parts {

void owner();
void ordered_owner();
void cold_owner();
void successor();
void ordered_successor();
void standby();
void first_successor();
void ordered_first_successor();
void leaver();
void ordered_leaver();
void other_owner();
void giver();
void caller();
void newcomer();
void patient_caller();
void patient_newcomer();
void sender();
void patient_sender();
void ordered_sender();
void first_sender();
void second_sender();
void ordered_caller();
void pipelining_caller();
void first_caller();
void second_caller();
void insistent_caller();
void first_mourner();
void second_mourner();
void late_mourner();
void canceller();
void impatient();
void impatient_by_default();
void impatient_with_large();
void caller_of_large();
void mortal_caller();
void hasty_caller();
void bereaved_caller();
void late_newcomer();
void prompt_newcomer();
void stale_ringer();
void heir();
void reclaimer();
void lessee();

// On events: parts_events.cpp
void publisher();
void subscriber();
void reusing_publisher();
void lapping_publisher();
void skipper();
void holder();
void joiner();
void mortal_publisher();
void next_publisher();
void reader_of_both();
void mortal_holder();
void rival_publisher();
void late_reader();

// On streams: parts_streams.cpp
void stream_reader();
void stream_writer();
void stream_echoer();
void bereaved_reader();
void mortal_stream_writer();
void mortal_stream_reader();
void caller_beside_stream();
void stream_canceller();

}  // namespace shmbus::schedule::parts
