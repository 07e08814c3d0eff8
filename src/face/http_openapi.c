/* The OpenAPI 3.1 description, printed from the rows of http_routes.c.  Only the schemas of what the answers hold are written
 * out here; their closed lists are those of the codecs. */
#include "codec/category.h"
#include "codec/json.h"
#include "codec/observable.h"
#include "face/http_parts.h"

static void string(struct buf *out, const char *name, const char *text)
{
	json_put_string(out, span_str(name));
	buf_putc(out, ':');
	json_put_string(out, span_str(text));
}

static void schema_of(struct buf *out, const char *media, const char *schema)
{
	json_put_string(out, span_str(media));
	if (schema)
		buf_printf(out, ":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}", schema);
	else
		buf_puts(out, ":{\"schema\":{\"type\":\"string\"}}");
}

static void put_request_body(struct buf *out, const struct http_route *r)
{
	buf_puts(out, "\"requestBody\":{\"required\":true,\"content\":{");
	struct span media = span_str(r->takes);
	for (bool first = true; media.n; first = false) {
		struct span one = span_head(media, span_find(media, ' '));
		media = span_from(media, one.n + 1);
		if (!first)
			buf_putc(out, ',');
		json_put_string(out, one);
		buf_printf(out, ":{\"schema\":%s}", !span_is(one, "application/json") ? "{\"type\":\"string\"}" :
						   r->handle == http_hits ? "{\"$ref\":\"#/components/schemas/HitsReport\"}" :
						   r->handle == http_bulk ? "{\"$ref\":\"#/components/schemas/Values\"}" : "{\"type\":\"object\"}");
	}
	buf_puts(out, "}},");
}

static const struct { const char *name, *text, *example; } parameters[] = {
	{ "value", "Percent-encoded observable.", "192.0.2.1" },
	{ "score", "1 to 100.", "50" },
	{ "list", "Name of a feed, a dot, the form, and maybe ?since=NEXT.", "edge.txt" },
	{ "lane", "Name of a lane.", "public" },
	{ "tile", "Level or \"entries\", number, and width of a partial one.", "0/000.p/5" },
	{ "digest", "64 hexadecimal digits.", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "filters", "KEY:VALUE/KEY:VALUE.", "value:192.0.2.1" },
	{ "attribute", "UUID or number of an attribute.", "0f1c9a3e-0000-5000-8000-00000000000a" },
	{ "event", "UUID of an event.", "0f1c9a3e-0000-5000-8000-000000000001" },
	{ "collection", "Id of a collection, or the name of its lane.", "public" },
	{ "object", "Id of a STIX object.", "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f" },
	{ "party", "Name of a party.", "state-bank" },
	{ "token", "Public part of a token.", "abcdefghij" },
	{ "status", "Id of the status that a POST has given.", "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f" },
	{ "index", "Place of the entry in the lane, from 0.", "7" },
};

static void put_parameters(struct buf *out, const char *path)
{
	struct span rest = span_str(path);
	const char *between = "\"parameters\":[";
	for (size_t at; (at = span_find(rest, '{')) < rest.n; between = ",") {
		rest = span_from(rest, at + 1);
		struct span name = span_head(rest, span_find(rest, '}'));
		size_t i = 0;
		while (i + 1 < COUNT_OF(parameters) && !span_is(name, parameters[i].name))
			i++;
		buf_puts(out, between);
		buf_printf(out, "{\"name\":\"%s\",\"in\":\"path\",\"required\":true,", parameters[i].name);
		string(out, "description", parameters[i].text);
		buf_puts(out, ",\"schema\":{\"type\":\"string\"},");
		string(out, "example", parameters[i].example);
		buf_putc(out, '}');
	}
	if (between[0] == ',')
		buf_puts(out, "],");
}

/* The ways in which a token comes. */
#define SECURITY "{\"bearer\":[]},{\"basic\":[]},{\"key\":[]}"

static void put_operation(struct buf *out, const struct http_route *r)
{
	buf_putc(out, '"');
	for (const char *c = r->method; *c; c++)
		buf_putc(out, ascii_lower((uint8_t)*c));
	buf_puts(out, "\":{");
	string(out, "operationId", r->id);
	buf_putc(out, ',');
	string(out, "summary", r->summary);
	buf_putc(out, ',');
	if (r->description[0]) {
		string(out, "description", r->description);
		buf_putc(out, ',');
	}
	if (r->right != RIGHT_READ)
		buf_puts(out, "\"security\":[" SECURITY "],");
	put_parameters(out, r->path);
	if (r->takes)
		put_request_body(out, r);
	buf_printf(out, r->gives[0].media ? "\"responses\":{\"%u\":{\"description\":\"The answer.\",\"content\":{" :
					    "\"responses\":{\"%u\":{\"description\":\"Yes.\"", r->status ? r->status : r->gives[0].media ? 200 : 204);
	for (size_t i = 0; i < COUNT_OF(r->gives) && r->gives[i].media; i++) {
		if (i)
			buf_putc(out, ',');
		schema_of(out, r->gives[i].media, r->gives[i].schema);
	}
	buf_puts(out, r->gives[0].media ? "}}" : "}");
	buf_puts(out, ",\"default\":{\"$ref\":\"#/components/responses/Problem\"}}}");
}

/* Rows of one path are one path item, at the place of the first of them. */
static void put_paths(struct buf *out)
{
	for (const struct http_route *r = http_routes; r->method; r++) {
		const struct http_route *first = http_routes;
		while (strcmp(first->path, r->path) != 0)
			first++;
		if (first != r)
			continue;
		if (r != http_routes)
			buf_putc(out, ',');
		json_put_string(out, span_str(r->path));
		buf_puts(out, ":{");
		for (const struct http_route *o = r; o->method; o++) {
			if (strcmp(o->path, r->path) != 0)
				continue;
			if (o != r)
				buf_putc(out, ',');
			put_operation(out, o);
		}
		buf_putc(out, '}');
	}
}

static void put_lists(struct buf *out)
{
	buf_puts(out, "\"Kind\":{\"type\":\"string\",\"enum\":[");
	for (unsigned k = OBS_NONE + 1; k < OBS_KINDS; k++) {
		if (k == OBS_CIDR6)
			continue; /* both prefix kinds have one name */
		if (k > OBS_NONE + 1)
			buf_putc(out, ',');
		json_put_string(out, span_str(obs_kind_name(k)));
	}
	buf_puts(out, "]},\"Category\":{\"type\":\"string\",\"enum\":[");
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		if (c)
			buf_putc(out, ',');
		json_put_string(out, span_str(category_row(c)->name));
	}
	buf_puts(out, "]},");
}

#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define INTEGER "{\"type\":\"integer\"}"
#define TEXT "{\"type\":\"string\"}"
#define WHEN "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define SCOPE "{\"enum\":[\"both\",\"name\",\"below\"]}"
#define ABOUT                                                                                                          \
	"\"value\":{\"type\":\"string\",\"description\":\"In canonical form.\"},\"kind\":" REF("Kind") ","                  \
	"\"listed\":{\"type\":\"boolean\",\"description\":\"The score is at least 1.\"},"                                  \
	"\"score\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},"                                                   \
	"\"categories\":{\"type\":\"array\",\"items\":" REF("Category") "},"                                               \
	"\"sources\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"                                                \
	"\"protected_by\":{\"type\":\"string\",\"description\":\"What protects it, so that its score is 0.\"}"
#define ABOUT_REQUIRED "\"required\":[\"value\",\"kind\",\"listed\",\"score\",\"categories\",\"sources\""

static const char schemas[] =
	"\"Lookup\":{\"type\":\"object\"," ABOUT_REQUIRED "],\"properties\":{" ABOUT "}},"
	"\"Fault\":{\"type\":\"object\",\"description\":\"A value that is not an observable.\",\"required\":[\"value\",\"error\"],"
	"\"properties\":{\"value\":{\"type\":\"string\"},\"error\":{\"type\":\"string\"}}},"
	"\"LookupLine\":{\"description\":\"Each line of the answer.\",\"oneOf\":[" REF("Lookup") "," REF("Fault") "]},"
	"\"Values\":{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"value\"],"
	"\"properties\":{\"value\":{\"type\":\"string\"}}}]}},"
	"\"Why\":{\"type\":\"object\"," ABOUT_REQUIRED ",\"as_of\",\"now\",\"prior_mdb\",\"sum_mdb\",\"lines\"],\"properties\":{"
	ABOUT ",\"rule\":{\"type\":\"string\",\"description\":\"The text rule that it meets.\"},"
	"\"as_of\":{\"type\":\"string\",\"format\":\"date-time\"},\"now\":" COUNT ",\"prior_mdb\":" INTEGER ","
	"\"sum_mdb\":" INTEGER ",\"groups\":" COUNT ",\"claims\":" COUNT ","
	"\"lines\":{\"type\":\"array\",\"description\":\"Strongest first.\",\"items\":" REF("Line") "}}},"
	"\"Line\":{\"type\":\"object\",\"description\":\"One claim and what it adds, in millidecibans.\",\"required\":["
	"\"source\",\"mdb\",\"counts\",\"fate\"],\"properties\":{\"source\":" TEXT ",\"group\":" TEXT ",\"weight_db\":" COUNT ","
	"\"lane\":" COUNT ",\"stance\":" TEXT ",\"category\":" REF("Category") ",\"confidence\":" COUNT ",\"seen\":" COUNT ","
	"\"age_s\":" COUNT ",\"lifetime_d\":" COUNT ",\"speed_x10\":" COUNT ",\"decay_1024\":" COUNT ",\"mdb\":" INTEGER ","
	"\"counts\":{\"type\":\"boolean\"},\"fate\":" TEXT ",\"key\":" TEXT ",\"match\":" TEXT ",\"entry\":" TEXT ",\"until\":" COUNT ",\"retraction\":{"
	"\"type\":\"object\",\"description\":\"Who took it back.\",\"properties\":{\"at\":" TEXT ",\"by\":" TEXT ",\"why\":" TEXT "}}}},"
	"\"Feeds\":{\"type\":\"object\",\"required\":[\"serial\",\"feeds\"],\"properties\":{\"serial\":" COUNT ",\"feeds\":{\"type\":\"array\",\"items\":{"
	"\"type\":\"object\",\"required\":[\"feed\",\"type\",\"open\",\"reasons\",\"forms\"],\"properties\":{\"feed\":" TEXT ",\"type\":{\"enum\":"
	"[\"rpz\",\"list\"]},\"open\":{\"type\":\"boolean\"},\"reasons\":{\"type\":\"array\",\"items\":" TEXT "},\"forms\":{\"type\":\"array\","
	"\"items\":" TEXT "},\"consumer\":" TEXT ",\"seen\":{\"type\":\"array\",\"items\":" REF("Seen") "}}}}}},"
	"\"Seen\":{\"type\":\"object\",\"description\":\"What a consumer has, and how long retractions took to reach it.\",\"properties\":{"
	"\"feed\":" TEXT ",\"consumer\":" TEXT ",\"how\":" TEXT ",\"serial\":" COUNT ",\"current\":{\"type\":\"boolean\"},\"lag\":" COUNT ","
	"\"since\":" WHEN ",\"last\":" WHEN ",\"unblocks\":" COUNT ",\"p50_ms\":" COUNT ",\"p95_ms\":" COUNT ",\"max_ms\":" COUNT ","
	"\"behind\":" COUNT ",\"oldest\":" WHEN ",\"agent\":" TEXT "}},"
	"\"FeedList\":{\"type\":\"object\",\"required\":[\"feed\",\"serial\",\"time\",\"next\",\"complete\",\"removed\",\"values\",\"count\"],\"properties\":{"
	"\"feed\":" TEXT ",\"serial\":" COUNT ",\"time\":" WHEN ",\"next\":" TEXT ",\"since\":" COUNT ",\"complete\":{\"type\":\"boolean\",\"description\":\"It is everything: "
	"forget what is not here.\"},\"removed\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"value\",\"kind\"],\"properties\":{"
	"\"value\":" TEXT ",\"kind\":" REF("Kind") ",\"scope\":" SCOPE "}}},\"values\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
	"\"required\":[\"value\",\"kind\",\"action\",\"reasons\"],\"properties\":{\"value\":" TEXT ",\"kind\":" REF("Kind") ",\"scope\":" SCOPE ","
	"\"action\":{\"enum\":[\"block\",\"challenge\",\"pass\"]},\"reasons\":{\"type\":\"array\",\"items\":" TEXT "}}}},\"count\":" COUNT ",\"beyond\":"
	COUNT "}},"
	"\"Decision\":{\"type\":\"object\",\"required\":[\"id\",\"origin\",\"type\",\"scope\",\"value\",\"duration\",\"scenario\"],\"properties\":{"
	"\"id\":" COUNT ",\"origin\":{\"const\":\"sipar\"},\"type\":{\"enum\":[\"ban\",\"captcha\"]},\"scope\":{\"enum\":[\"Ip\",\"Range\",\"Domain\",\"Url\","
	"\"Hash\",\"Email\"]},\"value\":" TEXT ",\"duration\":" TEXT ",\"scenario\":" TEXT "}},"
	"\"Decisions\":{\"type\":[\"array\",\"null\"],\"items\":" REF("Decision") "},"
	"\"DecisionsStream\":{\"type\":\"object\",\"required\":[\"deleted\",\"new\"],\"properties\":{\"deleted\":" REF("Decisions") ",\"new\":"
	REF("Decisions") "}},"
	"\"HitsReport\":{\"type\":\"object\",\"required\":[\"from\",\"seconds\",\"hits\"],\"properties\":{\"from\":{\"type\":\"integer\",\"description\":"
	"\"Seconds since 1970.\"},\"seconds\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":86400},\"hits\":{\"type\":\"array\",\"description\":"
	"\"[value, count].\",\"items\":{\"type\":\"array\",\"prefixItems\":[" TEXT "," COUNT "]}},\"merged\":{\"type\":\"array\",\"description\":"
	"\"How many values have fewer hits than 5, and the sum of these.\",\"prefixItems\":[" COUNT "," COUNT "]}}},"
	"\"HitsTaken\":{\"type\":\"object\",\"required\":[\"values\",\"alarms\"],\"properties\":{\"values\":{\"type\":\"integer\",\"minimum\":0,"
	"\"description\":\"That the feed has.\"},\"alarms\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"Decisions with so many hits that they "
	"look like a mistake.\"}}},"
	"\"Lanes\":{\"type\":\"object\",\"required\":[\"node\",\"lanes\"],\"properties\":{\"node\":" TEXT ","
	"\"lanes\":{\"type\":\"array\",\"items\":" REF("Lane") "}}},"
	"\"Lane\":{\"type\":\"object\",\"required\":[\"name\",\"audience\",\"realm\",\"origin\",\"size\",\"retention\",\"vkey\"],"
	"\"properties\":{\"name\":" TEXT ",\"audience\":" TEXT ",\"realm\":" TEXT ",\"origin\":" TEXT ",\"size\":" COUNT ","
	"\"retention\":" TEXT ",\"vkey\":" TEXT ",\"old_vkeys\":{\"type\":\"array\",\"items\":" TEXT "}}},"
	"\"MispManifest\":{\"type\":\"object\",\"description\":\"By UUID.\",\"additionalProperties\":{\"type\":\"object\"}},"
	"\"MispEvent\":{\"type\":\"object\",\"required\":[\"Event\"],\"properties\":{\"Event\":{\"type\":\"object\"}}},"
	"\"MispEvents\":{\"type\":\"object\",\"required\":[\"response\"],\"properties\":{\"response\":{\"type\":\"array\",\"items\":" REF("MispEvent") "}}},"
	"\"MispAttributes\":{\"type\":\"object\",\"required\":[\"response\"],\"properties\":{\"response\":{\"type\":\"object\"}}},"
	"\"Cosigned\":{\"type\":\"object\",\"required\":[\"taken\"],\"properties\":{\"taken\":" COUNT "}},"
	"\"Party\":{\"type\":\"object\",\"properties\":{\"name\":" TEXT ",\"title\":" TEXT ",\"sector\":" TEXT ",\"contact\":" TEXT ","
	"\"clearance\":{\"enum\":[\"clear\",\"green\",\"amber\",\"amber+strict\",\"red\"]},\"since\":" WHEN ",\"removed\":{\"type\":\"boolean\"},"
	"\"tokens\":" COUNT "}},"
	"\"Parties\":{\"type\":\"object\",\"required\":[\"parties\"],\"properties\":{\"parties\":{\"type\":\"array\",\"items\":" REF("Party") "}}},"
	"\"Token\":{\"type\":\"object\",\"properties\":{\"id\":" TEXT ",\"party\":" TEXT ",\"role\":" TEXT ",\"kind\":{\"enum\":[\"token\",\"certificate\"]},"
	"\"fingerprint\":" TEXT ",\"label\":" TEXT ",\"cidr\":{\"type\":\"array\",\"items\":" TEXT "},\"expires\":{\"type\":[\"string\",\"null\"]},"
	"\"rate\":{\"type\":[\"integer\",\"null\"]},\"state\":{\"enum\":[\"valid\",\"expired\",\"revoked\"]},\"since\":" WHEN ","
	"\"last_used\":{\"type\":[\"string\",\"null\"]}}},"
	"\"Tokens\":{\"type\":\"object\",\"required\":[\"tokens\"],\"properties\":{\"tokens\":{\"type\":\"array\",\"items\":" REF("Token") "}}},"
	"\"NewToken\":{\"type\":\"object\",\"required\":[\"id\",\"party\",\"role\",\"token\"],\"properties\":{\"id\":" TEXT ",\"party\":" TEXT ","
	"\"role\":" TEXT ",\"token\":" TEXT "}},"
	"\"Proposal\":{\"type\":\"object\",\"required\":[\"decision\",\"state\",\"action\",\"reason\",\"first\",\"values\",\"until\",\"voices\"],\"properties\":{"
	"\"decision\":" TEXT ",\"state\":" TEXT ",\"action\":{\"enum\":[\"block\",\"challenge\"]},\"reason\":" TEXT ",\"first\":" TEXT ",\"values\":" COUNT ","
	"\"unblocked\":" COUNT ",\"until\":" WHEN ",\"hits\":" COUNT ",\"voices\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	"\"said\":" TEXT ",\"party\":" TEXT ",\"by\":" TEXT ",\"why\":" TEXT ",\"at\":" WHEN ",\"entry\":" TEXT "}}},\"all\":{\"type\":\"array\",\"items\":" TEXT "}}},"
	"\"Proposals\":{\"type\":\"object\",\"required\":[\"decisions\",\"more\"],\"properties\":{\"decisions\":{\"type\":\"array\",\"items\":" REF("Proposal") "},"
	"\"more\":{\"type\":\"boolean\"}}},"
	"\"Unblocked\":{\"type\":\"object\",\"required\":[\"said\",\"serial\"],\"properties\":{\"said\":" TEXT ",\"serial\":" COUNT "}},"
	"\"Health\":{\"type\":\"object\",\"required\":[\"status\",\"version\"],\"properties\":{\"status\":{\"const\":\"ok\"},"
	"\"version\":{\"type\":\"string\"},\"keys\":" COUNT ",\"claims\":" COUNT ",\"levels\":" COUNT ","
	"\"uptime_s\":" COUNT "}},"
	"\"Taxii\":{\"type\":\"object\",\"description\":\"A resource of TAXII 2.1.\"},"
	"\"OpenAPI\":{\"type\":\"object\",\"required\":[\"openapi\",\"info\",\"paths\"]},"
	"\"Problem\":{\"type\":\"object\",\"description\":\"RFC 9457.\",\"required\":[\"type\",\"title\",\"status\",\"detail\"],"
	"\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
	"\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\"}}}";

void http_openapi(struct buf *out)
{
	buf_puts(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Sipar\",\"version\":\"" SIPAR_VERSION "\",\"summary\":"
		      "\"Reputation of addresses, domains, URLs and files\",\"license\":{\"name\":\"GPL-3.0-or-later\","
		      "\"identifier\":\"GPL-3.0-or-later\"}},\"servers\":[{\"url\":\"/\"}],\"security\":[{}," SECURITY "],\"paths\":{");
	put_paths(out);
	buf_puts(out, "},\"components\":{\"responses\":{\"Problem\":{\"description\":\"Why there is no answer.\",\"content\":{");
	schema_of(out, "application/problem+json", "Problem");
	buf_puts(out, "}}},\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"A token of a party: sipar_ and 51 digits.\"},"
		      "\"basic\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"The token as the password.\"},"
		      "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-Api-Key\",\"description\":\"The token, or of feeds the key of a consumer.\"}},\"schemas\":{");
	put_lists(out);
	buf_puts(out, schemas);
	buf_puts(out, "}}}\n");
}

void http_openapi_get(struct http_server *s, struct http_request *q, const struct http_words *w, struct http_answer *a)
{
	http_openapi(&a->body);
	a->status = 200;
	a->type = "application/json";
}
