/* What events there are: the manifest of a MISP feed, and the events in an answer of a MISP, each by itself.  Pure.
 *
 *   {"UUID":{"timestamp":"1764000000","info":...}, ...}                                      manifest.json
 *   [{"uuid":"UUID","timestamp":"1764000000"}, ...]                                          /events/index, minimal
 *   {"response":[{"Event":{"uuid":"UUID","timestamp":"1764000000",...}}, ...]}, [{"Event":...}], {"Event":...}
 */
#ifndef CODEC_MISP_INDEX_H
#define CODEC_MISP_INDEX_H

#include "base/err.h"
#include "base/span.h"

enum { MISP_UUID = 36, MISP_EVENTS_MAX = 1000000 };

struct misp_event {
	struct span uuid;     /**< MISP_UUID octets, of hexadecimal digits and '-' */
	uint64_t timestamp;   /**< seconds; it grows with each change */
	struct span whole;    /**< of misp_events(): the event as an object that a file could hold, {"Event":...} or the event */
};
/** False: stop. */
typedef bool misp_event_visit(void *ctx, const struct misp_event *e);

/** A manifest, or a list of such objects with their uuid in them.  What has no UUID for its name, or no timestamp, is left out; the whole text is
 *  checked before the first visit.
 *  @return ERR_SYNTAX with line and column; ERR_RANGE: more than MISP_EVENTS_MAX. */
enum err misp_manifest(struct span text, misp_event_visit *visit, void *ctx, struct fault *f) MUST_USE;
/** As misp_manifest(). */
enum err misp_events(struct span text, misp_event_visit *visit, void *ctx, struct fault *f) MUST_USE;

#endif
