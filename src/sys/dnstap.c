#include "sys/dnstap.h"

#include <dnstap.pb-c.h>

enum { FRAME_MESSAGE = 1, CLIENT_QUERY = 5, CLIENT_RESPONSE = 6 };

static struct span octets(protobuf_c_boolean has, const ProtobufCBinaryData *data)
{
	return has ? span_of(data->data, data->len) : span_of(NULL, 0);
}

enum err dnstap_read(struct span frame, struct dnstap *ret_tap, struct fault *f)
{
	Tap__Frame *t = tap__frame__unpack(NULL, frame.n, frame.p);
	if (!t)
		return fault_set(f, ERR_SYNTAX, "a frame is no dnstap");
	const Tap__Message *m = t->type == FRAME_MESSAGE ? t->message : NULL;
	struct dnstap tap = { .type = DNSTAP_OTHER, .memory = t };
	if (m && m->type == CLIENT_QUERY) {
		tap.type = DNSTAP_CLIENT_QUERY;
		tap.at_s = m->query_time_sec;
		tap.message = octets(m->has_query_message, &m->query_message);
	} else if (m && m->type == CLIENT_RESPONSE) {
		tap.type = DNSTAP_CLIENT_RESPONSE;
		tap.at_s = m->has_response_time_sec ? m->response_time_sec : m->query_time_sec;
		tap.message = m->has_response_message ? octets(true, &m->response_message) : octets(m->has_query_message, &m->query_message);
	}
	*ret_tap = tap;
	return OK;
}

void dnstap_release(struct dnstap *tap)
{
	if (tap->memory)
		tap__frame__free_unpacked(tap->memory, NULL);
	tap->memory = NULL;
}
