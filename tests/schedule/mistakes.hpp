// The mistakes that can be planted (SHMBUS_MISTAKE in the library), and the scene that has to find
// each. An exploration that misses one of them is no proof of the others' absence.
#pragma once

#include <array>

namespace shmbus::schedule {

struct Mistake {
  const char* name;
  const char* scene;
};

inline constexpr std::array mistakes{
    Mistake{"cursor.late", "handler-death"},      // started only once its effect is there
    Mistake{"reply.early", "calls"},              // the answer is committed before it is written
    Mistake{"park.blind", "calls"},               // a caller sleeps without looking again
    Mistake{"bell.blind", "calls"},               // a handler sleeps without looking again
    Mistake{"cancel.blind", "limit"},             // "never started" without asking
    Mistake{"recovery.unchecked", "recoverers"},  // told from a cursor that is a successor's
    Mistake{"control.early", "recoverer-death"},  // vacant before its lanes are let go
    Mistake{"seq.again", "recoverers"},           // sequence numbers start anew in each lease
    Mistake{"lane.served", "caller-death"},       // freed while its handler looks at it
    Mistake{"ticket.early", "ordered-death"},     // the ticket goes before its command starts
    Mistake{"inbox.blind", "order"},              // a ticket overwrites another
    Mistake{"answer.uncounted", "sends-death"},   // a lost one-way command's sender does not look
    Mistake{"extent.blind", "extents"},           // memory is taken from whoever has it
    Mistake{"refused.told", "stand-by"},          // who waits for a successor is told a refusal
    Mistake{"era.ignored", "give-up-begun"},      // a call is sent again behind newer ones
    Mistake{"place.given_up", "leave-ordered"},   // the same of what others rely on
    Mistake{"order.forgotten", "order-lost"},     // tickets are not followed by a successor
    Mistake{"bell.believed", "stale-bell"},       // a bell that another rang is taken for one's own
    Mistake{"binding.blind", "registration"},     // a name is taken from whoever has it
    Mistake{"cancel.early", "limit-kept"},        // the cancel bit is read before the start
    Mistake{"quarantine.blocks", "limit-large"},  // memory comes back while it is written to
    Mistake{"event.early", "events"},             // an event is committed before it is complete
    Mistake{"topic.blind", "events"},             // a subscriber sleeps without looking again
    Mistake{"position.stale", "events-pin"},      // positions are not read after the new bound
    Mistake{"overtaken.unseen", "events-pin"},    // the bound is not read after the new position
    Mistake{"oldest.once", "events-overtaken"},   // nor when the position was moved to that bound
    Mistake{"index.kept", "events-overtaken"},    // a pin is taken to keep the index, too
    Mistake{"hold.skipped", "events-hold"},       // what is held is taken back like anything else
    Mistake{"room.blind", "events-hold"},         // a publisher sleeps without looking again
    Mistake{"join.unheld", "events-join"},        // who has a place and no position holds nothing
    Mistake{"resume.hint", "events-death"},       // goes on after the newest event of the counter
    Mistake{"holder.kept", "events-holder-death"},  // a dead subscriber holds on
    Mistake{"evict.blind", "events-evict"},         // a lane is given up though somebody has come
    Mistake{"record.early", "streams"},             // a record is committed before it is complete
    Mistake{"record.given_up", "streams"},          // its memory is given back while it is read
    Mistake{"record.quiet", "streams-both"},        // a reader that sleeps is not woken
    Mistake{"room.untold", "streams"},              // a waiting reader keeps the room
    Mistake{"window.blind", "streams-both"},        // a handler sleeps without looking again
    Mistake{"window.stale", "streams"},             // memory of another stream, with its counts
    Mistake{"answer.first", "streams"},             // the answer is seen, and records before it not
    Mistake{"cancel.unseen", "streams-cancel"},     // a handler sleeps though it was cancelled
    Mistake{"end.early", "streams-writer-death"},   // a death is seen, and records before it not
};

}  // namespace shmbus::schedule
