#include "codec/json.h"
#include "face/http_parts.h"

static const char *title(unsigned status)
{
	switch (status) {
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 422: return "Unprocessable Content";
	case 503: return "Service Unavailable";
	}
	return "Internal Server Error";
}

/* TAXII 2.1 section 3.6.1: the status is a string. */
static void taxii_error(struct http_answer *a, unsigned status, const char *detail)
{
	a->type = "application/taxii+json;version=2.1";
	buf_printf(&a->body, "{\"title\":\"%s\",\"description\":", title(status));
	json_put_string(&a->body, span_str(detail));
	buf_printf(&a->body, ",\"http_status\":\"%u\"}\n", status);
}

/* The type is "about:blank" (RFC 9457 §4.2.1): the status says all that a program needs to know. */
void http_problem(struct http_answer *a, unsigned status, struct span instance, const char *detail)
{
	a->status = status;
	a->body.n = 0;
	if (span_starts(instance, SPAN_LIT("/taxii2")) && (instance.n == 7 || instance.p[7] == '/' || instance.p[7] == '?')) {
		taxii_error(a, status, detail);
		return;
	}
	a->type = "application/problem+json";
	buf_printf(&a->body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":", title(status), status);
	json_put_string(&a->body, span_str(detail));
	buf_puts(&a->body, ",\"instance\":");
	json_put_string(&a->body, span_head(instance, 256));
	buf_puts(&a->body, "}\n");
}
