/* The table of operations, and how a request finds its row. */
#include "base/num.h"
#include "face/http_parts.h"

#define TAXII "application/taxii+json;version=2.1"
#define NOTE_MEDIA "text/plain application/octet-stream application/x-www-form-urlencoded"
/* What curl --data-binary says when it is told nothing is taken for lines, too. */
#define BULK_MEDIA "text/plain application/x-ndjson application/ndjson application/jsonl application/json application/x-www-form-urlencoded"

#define MISP_MEDIA "application/json text/plain application/x-www-form-urlencoded"

const struct http_route http_routes[] = {
	{ "GET", "/v1/lookup/{value}", http_lookup_one, "lookup", "What is known about one observable",
	  "The value is an IP address or prefix, domain, URL, file hash or e-mail address, in any spelling that people use. It is "
	  "the whole rest of the request target, a '?' and what follows included, and is percent-decoded once: a URL may be "
	  "written as it is, or percent-encoded, which is safer. Unlisted values are answered with 200 and listed false.",
	  NULL, { { "application/json", "Lookup" } }, .right = RIGHT_READ },
	{ "POST", "/v1/lookup", http_bulk, "lookupMany", "What is known about many observables",
	  "One value per line: bare, as a JSON string, or as a JSON object with a string member \"value\"; blank lines are skipped. "
	  "With Content-Type application/json the body is one JSON array of such strings and objects instead. The answer has one "
	  "line per value in the same order; a value that is not an observable gives a line with an error.",
	  BULK_MEDIA, { { "application/x-ndjson", "LookupLine" } }, .right = RIGHT_READ },
	{ "GET", "/v1/allow/{score}/{value}", http_allow, "allow", "May this one come in?",
	  "For servers that ask about a client before they serve it: 204 when the value scores less than that, and 403 when it scores as much "
	  "or more. The field Sipar-Score has the score. The value is taken as by lookup.",
	  NULL, { { NULL } }, .right = RIGHT_READ },
	{ "GET", "/v1/why/{value}", http_why, "why", "The score of one observable, line by line",
	  "All that is needed to compute the score again: each claim with its source, age, decay and weight. The value is taken as "
	  "by lookup. With Accept: text/plain the sum is laid out for people.",
	  NULL, { { "application/json", "Why" }, { "text/plain", NULL } }, .right = RIGHT_READ },
	{ "GET", "/v1/feeds", http_feeds, "feeds", "The feeds that you may have",
	  "Those that are open, and that of the key that comes with the request, with what is known of its consumer: which serial it has, and "
	  "how long retractions took to reach it.",
	  NULL, { { "application/json", "Feeds" } }, .right = RIGHT_READ },
	{ "GET", "/v1/feeds/{list}", http_feed, "feed", "What is in a feed, as a list",
	  "NAME.txt, .csv, .json, .nft (nft -f), .ipset (ipset restore), .rsc (MikroTik), .hosts, .adblock, .rpz (a zone file), .suricata (rules) or "
	  ".zeek (intelligence). The key of a consumer comes as X-Api-Key, as Authorization: Bearer, or as the password of Basic; an open feed "
	  "needs none. If-None-Match with the ETag of the last answer is answered with 304 while nothing has changed. With ?since=NEXT "
	  ".txt and .json are what has changed since the answer that said next (or since=SERIAL), what is gone first; complete says that it is everything instead, since the "
	  "changes are not known. The answer is packed where Accept-Encoding has gzip.",
	  NULL, { { "application/json", "FeedList" }, { "text/plain", NULL } }, .right = RIGHT_READ },
	{ "GET", "/v1/decisions", http_decisions, "decisions", "CrowdSec LAPI: what is decided about a value, or everything",
	  "Parameters ip, range, or scope and value; contains=false for what lies in a range; type is ban or captcha; scopes, origins, scenarios_containing, "
	  "scenarios_not_containing, limit. null when there is nothing, 400 for a parameter that there is not. The key of a consumer of a feed of type list "
	  "comes as X-Api-Key.",
	  NULL, { { "application/json", "Decisions" } }, .right = RIGHT_READ },
	{ "GET", "/v1/decisions/stream", http_decisions_stream, "decisionsStream", "CrowdSec LAPI: what has changed since this bouncer asked last",
	  "With startup=true everything. scopes (ip and range, unless it says others: domain, url, hash, email), type, origins, scenarios_containing and "
	  "scenarios_not_containing narrow it down; 400 for any other parameter.",
	  NULL, { { "application/json", "DecisionsStream" } }, .right = RIGHT_READ },
	{ "POST", "/v1/usage-metrics", http_usage, "usageMetrics", "CrowdSec LAPI: what a bouncer has stopped", "", "application/json",
	  { { "application/json", NULL } }, 201, .right = RIGHT_READ },
	{ "POST", "/v1/hits", http_hits, "hits", "How often what is blocked was met",
	  "By a consumer of a feed, with its key: counts by value for a period, and nothing of who asked; \"sipar hits --post\" makes them of a resolver's log or "
	  "dnstap. Values with fewer than 5 hits, and those that the feed does not have, count as merged. 409 when the consumer has told of this "
	  "period, or of a later one, before; 429, with Retry-After, when it has told of many short ones.",
	  "application/json", { { "application/json", "HitsTaken" } }, 201, .right = RIGHT_READ },
	{ "GET", "/lanes", http_lanes, "lanes", "The lanes that are open to you, as logs",
	  "Each lane is an append-only log by C2SP tlog-tiles, with signed checkpoints: its origin, size, the key that signs, its "
	  "audience, and how long bodies are kept.",
	  NULL, { { "application/json", "Lanes" } }, .right = RIGHT_READ },
	{ "GET", "/lanes/{lane}/checkpoint", http_lane_checkpoint, "laneCheckpoint", "The last signed checkpoint of a lane",
	  "A signed note (C2SP signed-note, tlog-checkpoint) with the cosignatures of witnesses that came in for it.",
	  NULL, { { "text/plain", NULL } }, .right = RIGHT_READ },
	{ "GET", "/lanes/{lane}/tile/{tile}", http_lane_tile, "laneTile", "Hash tiles and bundles of entries of a lane",
	  "LEVEL/NUMBER or entries/NUMBER with .p/WIDTH behind it for a partial one, as C2SP tlog-tiles says. What is there once is "
	  "there for ever, and never changes.",
	  NULL, { { "application/octet-stream", NULL } }, .right = RIGHT_READ },
	{ "GET", "/lanes/{lane}/body/{digest}", http_lane_body, "laneBody", "The body of an entry, by its digest",
	  "32 octets of nonce and then the body: SHA-256 of all that is sent is the digest. 410 when it was erased or pruned, as an "
	  "entry of the lane says.",
	  NULL, { { "application/octet-stream", NULL } }, .right = RIGHT_READ },
	{ "GET", "/lanes/{lane}/receipt/{index}", http_lane_receipt, "laneReceipt", "Proof that an entry is in a lane",
	  "A C2SP tlog-proof with the record of the entry: \"sipar verify\" checks it without a network.",
	  NULL, { { "text/plain", NULL } }, .right = RIGHT_READ },
	{ "GET", "/lanes/{lane}/from/{index}", http_lane_from, "laneFrom", "Entries of a lane from an index on, for those who mirror it",
	  "A parcel: records and bodies in a row, and the signed checkpoint that ends with them; at most some megabytes. With an index that the lane has "
	  "not reached, the checkpoint alone. Everything in it can be checked by who has the entries before.",
	  NULL, { { "application/octet-stream", NULL } }, .right = RIGHT_READ },
	{ "POST", "/lanes/{lane}/cosignature", http_lane_cosignature, "laneCosignature", "Hand in a checkpoint that a witness has cosigned",
	  "The note with the witness's line. Lines by witnesses that this node is configured with are kept and shown with the checkpoint.",
	  NOTE_MEDIA, { { "application/json", "Cosigned" } }, .right = RIGHT_READ },
	{ "POST", "/add-checkpoint", http_add_checkpoint, "addCheckpoint", "Have this node cosign a checkpoint, as a witness",
	  "C2SP tlog-witness: the size that was cosigned last, a consistency proof from there, and a checkpoint of a log that this node "
	  "is configured with. The answer is the line of the cosignature.",
	  NOTE_MEDIA, { { "text/plain", NULL } }, .right = RIGHT_READ },
	{ "GET", "/misp/manifest.json", http_misp_manifest, "mispManifest", "MISP feed: which events there are",
	  "A MISP subscribes to https://NODE/misp/ as a feed of type MISP. An event is what one source says in one lane; its timestamp rises when that changes. "
	  "If-None-Match with the ETag of the last answer is answered with 304 while nothing has changed.",
	  NULL, { { "application/json", "MispManifest" } }, .right = RIGHT_READ },
	{ "GET", "/misp/hashes.csv", http_misp_hashes, "mispHashes", "MISP feed: the MD5 of each value, with the UUID of its event", "", NULL,
	  { { "text/csv", NULL } }, .right = RIGHT_READ },
	{ "GET", "/misp/{event}", http_misp_event, "mispEvent", "MISP feed: an event",
	  "UUID.json. What does not stand any more is an attribute with deleted true.",
	  NULL, { { "application/json", "MispEvent" } }, .right = RIGHT_READ },
	{ "POST", "/attributes/restSearch", http_misp_attributes, "mispAttributes", "MISP: search for attributes",
	  "Filters value, type, category, tags, uuid, eventid, org, eventinfo, timestamp, last, from, to, to_ids, deleted, enforceWarninglist, limit, page; "
	  "returnFormat json, csv, text or count. Exact values are looked up; other searches read everything.",
	  MISP_MEDIA, { { "application/json", "MispAttributes" }, { "text/csv", NULL } }, .right = RIGHT_READ },
	{ "POST", "/events/restSearch", http_misp_search_events, "mispEvents", "MISP: search for events",
	  "As the search for attributes; events come with the attributes that type, category, tags, to_ids and deleted let pass.",
	  MISP_MEDIA, { { "application/json", "MispEvents" }, { "text/csv", NULL } }, .right = RIGHT_READ },
	{ "GET", "/attributes/restSearch/{filters}", http_misp_attributes_by, "mispAttributesBy", "MISP: search for attributes, by the path",
	  "KEY:VALUE/KEY:VALUE with the same filters; a||b for a list.", NULL, { { "application/json", "MispAttributes" }, { "text/csv", NULL } },
	  .right = RIGHT_READ },
	{ "GET", "/events/restSearch/{filters}", http_misp_events_by, "mispEventsBy", "MISP: search for events, by the path", "As for attributes.", NULL,
	  { { "application/json", "MispEvents" }, { "text/csv", NULL } }, .right = RIGHT_READ },
	{ "POST", "/sightings/add", http_misp_sighting, "mispSighting", "MISP: what was met, or is a false positive",
	  "value or values, or uuid or id of an attribute; type 0 (seen) or 1 (false positive); timestamp. It is told for the party of the token.",
	  "application/json", { { "application/json", NULL } }, .right = RIGHT_REPORT },
	{ "POST", "/sightings/add/{attribute}", http_misp_sighting_of, "mispSightingOf", "MISP: the same, of an attribute",
	  "By its UUID or number; the other members as for all.", "application/json", { { "application/json", NULL } }, .right = RIGHT_REPORT },
	{ "POST", "/warninglists/checkValue", http_misp_warninglists, "mispWarninglists", "MISP: which values are on warning lists",
	  "A JSON string or a list of them; the answer has those that are protected, or known for what they are, each with the lists that say so.",
	  MISP_MEDIA, { { "application/json", NULL } }, .right = RIGHT_READ },
	{ "GET", "/events/view/{event}", http_misp_event, "mispView", "MISP: an event", "By its UUID or number.", NULL,
	  { { "application/json", "MispEvent" } }, .right = RIGHT_READ },
	{ "GET", "/servers/getVersion", http_misp_version, "mispVersion", "MISP: the version of the API", "", NULL, { { "application/json", NULL } }, .right = RIGHT_READ },
	{ "GET", "/servers/getVersion.json", http_misp_version, "mispVersionJson", "MISP: the same", "", NULL, { { "application/json", NULL } }, .right = RIGHT_READ },
	{ "GET", "/servers/getPyMISPVersion.json", http_misp_pymisp, "mispPyMisp", "MISP: the PyMISP that goes with it", "", NULL,
	  { { "application/json", NULL } }, .right = RIGHT_READ },
	{ "GET", "/users/view/me", http_misp_me, "mispMe", "MISP: who asks", "", NULL, { { "application/json", NULL } }, .right = RIGHT_READ },
	{ "GET", "/users/view/me.json", http_misp_me, "mispMeJson", "MISP: the same", "", NULL, { { "application/json", NULL } }, .right = RIGHT_READ },
	{ "GET", "/v1/stream", http_stream, "stream", "What lanes say, as it is committed (server-sent events)",
	  "Parameters lane (names with commas; without it all that you may see), after (a cursor, or with one lane the number of entries that are known; "
	  "without it, what comes from now on) and only=heads (how long each lane is, whenever it has grown). The id of an event is the cursor behind it, and Last-Event-ID "
	  "goes on from there: each claim, retraction and decision is told once, in order, from any point of the past. 409 when the cursor is beyond the end "
	  "of a lane. docs/stream.md has the events.",
	  NULL, { { "text/event-stream", NULL } }, .right = RIGHT_READ },
	{ "GET", "/taxii2/", http_taxii_discovery, "taxiiDiscovery", "TAXII 2.1: discovery",
	  "Where the API root is. Everything below /taxii2/ is by TAXII 2.1, errors too, and needs an Accept field that takes "
	  "application/taxii+json;version=2.1.",
	  NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/taxii2/api/", http_taxii_root, "taxiiRoot", "TAXII 2.1: the API root", "", NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/taxii2/api/collections/", http_taxii_collections, "taxiiCollections", "TAXII 2.1: the lanes that you may see, as collections", "",
	  NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/taxii2/api/collections/{collection}/", http_taxii_collection, "taxiiCollection", "TAXII 2.1: one collection",
	  "By its id, or by its alias, which is the name of the lane.", NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/taxii2/api/collections/{collection}/manifest/", http_taxii_manifest, "taxiiManifest", "TAXII 2.1: what objects there are",
	  "Parameters as for the objects.", NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/taxii2/api/collections/{collection}/objects/", http_taxii_objects, "taxiiObjects", "TAXII 2.1: objects, page by page",
	  "Parameters added_after, limit, next, match[id], match[type], match[version] and match[spec_version]. Objects come as they were received, octet "
	  "for octet. A page has at most 1,000 objects, and 8 MiB of them.",
	  NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "POST", "/taxii2/api/collections/{collection}/objects/", http_taxii_add, "taxiiAdd", "TAXII 2.1: add objects",
	  "An envelope, or a bundle. Each object is judged alone; what is taken is durable when the answer comes, which is a status that is complete.",
	  TAXII, { { TAXII, "Taxii" } }, 202, .own_order = true, .right = RIGHT_REPORT },
	{ "GET", "/taxii2/api/status/{status}/", http_taxii_status, "taxiiStatus", "TAXII 2.1: what became of objects that you have added", "", NULL,
	  { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "DELETE", "/taxii2/api/collections/{collection}/objects/{object}/", http_taxii_delete, "taxiiDelete", "TAXII 2.1: take an object back",
	  "A lane is only appended to: the object is told again as revoked, with a later version, and that is what its last version is from then on.",
	  NULL, { { TAXII, NULL } }, 200, .own_order = true, .right = RIGHT_REPORT },
	{ "GET", "/taxii2/api/collections/{collection}/objects/{object}/", http_taxii_object, "taxiiObject", "TAXII 2.1: one object, by its id",
	  "Parameters added_after, limit, next, match[version] and match[spec_version].", NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/taxii2/api/collections/{collection}/objects/{object}/versions/", http_taxii_versions, "taxiiVersions", "TAXII 2.1: the versions of an object",
	  "Parameters added_after, limit, next and match[spec_version].", NULL, { { TAXII, "Taxii" } }, .own_order = true, .right = RIGHT_READ },
	{ "GET", "/v1/proposals", http_proposals, "proposals", "Decisions that wait for somebody", "Proposed and suspended ones, in their order, or with the parameter state those in "
	  "one state, or all; at most 1000, and with after=NUMBER those behind that one.", NULL, { { "application/json", "Proposals" } }, .right = RIGHT_READ },
	{ "POST", "/v1/proposals", http_propose, "propose", "Propose that values are blocked", "A JSON object with values, reason, and any of for (14d), action (block, challenge), "
	  "why, evidence (a URL) and exact.  It is in force when enough have approved it.", "application/json",
	  { { "application/json", "Proposal" } }, 201, .right = RIGHT_PROPOSE },
	{ "POST", "/v1/proposals/{number}/approve", http_approve, "approve", "Approve a proposed or suspended decision", "A JSON object, with why if there is something to say.", "application/json",
	  { { "application/json", "Proposal" } }, .right = RIGHT_APPROVE },
	{ "POST", "/v1/proposals/{number}/refuse", http_refuse_proposal, "refuse", "Refuse a proposed or suspended decision for good", "A JSON object, with why if there is something to say.",
	  "application/json", { { "application/json", "Proposal" } }, .right = RIGHT_APPROVE },
	{ "POST", "/v1/proposals/{number}/suspend", http_suspend, "suspend", "Take a decision out of force until it is approved anew", "A JSON object, with why if there is something to say.",
	  "application/json", { { "application/json", "Proposal" } }, .right = RIGHT_PROPOSE },
	{ "GET", "/v1/proposals/{number}", http_proposal, "proposal", "A decision, with all of its values", "", NULL, { { "application/json", "Proposal" } }, .right = RIGHT_READ },
	{ "POST", "/v1/unblock", http_unblock, "unblock", "Take a value, or a whole decision, out of force at once", "A JSON object with why, and one of value and decision (its number).",
	  "application/json", { { "application/json", "Unblocked" } }, .right = RIGHT_PROPOSE },
	{ "GET", "/v1/parties", http_parties, "parties", "The parties that this node knows", "", NULL, { { "application/json", "Parties" } },
	  .right = RIGHT_ADMINISTER | RIGHT_AUDIT },
	{ "POST", "/v1/parties", http_party_add, "partyAdd", "Another party", "A JSON object with title, and any of name, sector, contact and clearance.",
	  "application/json", { { "application/json", "Party" } }, 201, .right = RIGHT_ADMINISTER },
	{ "POST", "/v1/parties/{party}", http_party_set, "partySet", "Change a party", "Any of title, sector, contact and clearance; what is not there stays.",
	  "application/json", { { "application/json", "Party" } }, .right = RIGHT_ADMINISTER },
	{ "DELETE", "/v1/parties/{party}", http_party_remove, "partyRemove", "It is no party any more, and its tokens are over", "", NULL, { { NULL } },
	  .right = RIGHT_ADMINISTER },
	{ "GET", "/v1/tokens", http_tokens, "tokens", "The tokens of the parties", "Those that are over, too.  Nothing that opens a door is in it.", NULL,
	  { { "application/json", "Tokens" } }, .right = RIGHT_ADMINISTER | RIGHT_AUDIT },
	{ "POST", "/v1/tokens", http_token_new, "tokenNew", "A new token of a party", "A JSON object with party and role, and any of expires (90d), cidr, label and rate.  "
	  "The token is in this answer alone.", "application/json", { { "application/json", "NewToken" } }, 201, .right = RIGHT_ADMINISTER },
	{ "DELETE", "/v1/tokens/{token}", http_token_revoke, "tokenRevoke", "A token is over", "By its public part.", NULL, { { NULL } },
	  .right = RIGHT_ADMINISTER },
	{ "GET", "/healthz", http_healthz, "health", "Is the service answering, and from what", "", NULL,
	  { { "application/json", "Health" } }, .right = RIGHT_READ },
	{ "GET", "/metrics", http_metrics, "metrics", "Metrics in the Prometheus text format", "", NULL, { { "text/plain", NULL } }, .right = RIGHT_READ },
	{ "GET", "/openapi.json", http_openapi_get, "openapi", "This description", "", NULL, { { "application/json", "OpenAPI" } }, .right = RIGHT_READ },
	{ NULL },
};

_Static_assert(COUNT_OF(http_routes) - 1 <= HTTP_ROUTES_MAX, "the meter has room for each row");

/* Clients leave the last '/' out, and must not be redirected: what they send along would get lost. */
static bool ends_as(struct span path, struct span literal)
{
	bool slash = literal.n && literal.p[literal.n - 1] == '/';
	return span_eq(path, literal) || (slash && span_eq(path, span_head(literal, literal.n - 1)));
}

/* A pattern's literals and the words between them. */
static bool path_is(const char *pattern, struct span target, struct http_words *ret_words)
{
	struct span p = span_str(pattern);
	struct http_words w = { .n = 0 };
	for (;;) {
		struct span literal = span_head(p, span_find(p, '{'));
		if (literal.n == p.n) { /* the last one; what follows a '?' is not looked at */
			*ret_words = w;
			return ends_as(span_head(target, span_find(target, '?')), literal);
		}
		if (!span_starts(target, literal) || w.n == HTTP_WORDS_MAX)
			return false;
		target = span_from(target, literal.n);
		p = span_from(p, span_find(p, '}') + 1);
		if (!p.n) {
			w.word[w.n++] = target;
			*ret_words = w;
			return true;
		}
		struct span word = span_head(target, span_find(target, '/'));
		word = span_head(word, span_find(word, '?'));
		if (!word.n)
			return false;
		w.word[w.n++] = word;
		target = span_from(target, word.n);
	}
}

static const struct http_route *find_row(const char *method, struct span target, struct http_words *ret_words,
					 char ret_allow[HTTP_HEADER_VALUE_MAX])
{
	bool head = !strcmp(method, "HEAD");
	size_t n = 0;
	ret_allow[0] = 0;
	ret_words->n = 0;
	for (const struct http_route *r = http_routes; r->method; r++) {
		if (!path_is(r->path, target, ret_words))
			continue;
		if (!strcmp(r->method, head ? "GET" : method))
			return r;
		n += (size_t)snprintf(ret_allow + n, HTTP_HEADER_VALUE_MAX - n, "%s%s", n ? ", " : "",
				      strcmp(r->method, "GET") ? r->method : "GET, HEAD");
	}
	return NULL;
}

/* Who takes https://NODE/misp for the address of a MISP asks for its API below that. */
const struct http_route *http_route_find(const char *method, struct span target, struct http_words *ret_words,
					 char ret_allow[HTTP_HEADER_VALUE_MAX])
{
	static const struct span base = SPAN_LIT("/misp/");
	struct span below = span_from(target, base.n);
	bool is_api = span_starts(target, base) && span_find(span_head(below, span_find(below, '?')), '/') < below.n; /* a feed has no folders */
	return find_row(method, is_api ? span_from(target, base.n - 1) : target, ret_words, ret_allow);
}

bool http_media_is(struct span field, const char *media)
{
	return span_ieq(span_trim(span_head(field, span_find(field, ';'))), span_str(media));
}

bool http_route_takes(const struct http_route *r, const char *type)
{
	if (!r->takes || !type)
		return true;
	struct span want = span_str(type), have = span_str(r->takes);
	want = span_trim(span_head(want, span_find(want, ';')));
	while (have.n) {
		size_t n = span_find(have, ' ');
		if (span_ieq(span_head(have, n), want))
			return true;
		have = span_from(have, n + 1);
	}
	return false;
}

enum err http_percent_decode(struct span s, uint8_t *ret, size_t *ret_n, struct fault *f)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%')
			ret[n++] = s.p[i];
		else if (!hex_decode(span_head(span_from(s, i + 1), 2), ret + n, 1))
			n++, i += 2;
		else
			return fault_set(f, ERR_SYNTAX, "'%%' without two hexadecimal digits behind it, at octet %zu of the value", i + 1);
	}
	*ret_n = n;
	return OK;
}
