/*
 * test_answers.c - what a server owes, as sequences of messages.
 *
 * A script is read from left to right: after '>' letters are messages sent to
 * the server, after '<' messages seen from it. Marks behind a letter:
 *   sent: '-' ours (swallow), '+' ours, its error the client's, 'x' must be
 *         dropped, '!' must be a violation, '*' a note is attached
 *   seen: '-' must be ours, '!' must be unexpected, '?' the client's fault
 * Lower-case 'o' sent is our probe, 'i' an invented answer, which with '?'
 * must not have been kept. Notes are called a, b, c, ... in their order.
 * Anywhere: '~' all is swallowed from here on, '#' the holder's parts are
 * dropped, '$' the end. What has happened since the last of them stands in
 * brackets: 'a=' done, 'a!' failed, 'a/' skipped, 'a#' part dropped, 'i' what
 * was invented is delivered.
 */
#include "support/unit.h"

#include <string.h>

#include "core/buf.h"
#include "server/answers.h"

struct script {
	const char *label;
	const char *steps;
	bool settled; /* at the end */
	bool probe;   /* needed at the end */
};

static const struct script scripts[] = {
    {"simple query", ">Q<TDDCZ", true, false},
    {"empty query", ">Q<IZ", true, false},
    {"several statements in a query", ">Q<TDCTDCCZ", true, false},
    {"extended batch", ">PBDES<12TDCZ", true, false},
    {"describe of a statement", ">PDS<1tTZ", true, false},
    {"describe without rows", ">PDS<1tnZ", true, false},
    {"suspended portal", ">BES<2DsZ", true, false},
    {"parse, flush: open until Sync", ">PBES<12CZ>PH<1", false, false},
    {"and closed by Sync", ">PH<1>S<Z", true, false},
    {"many Syncs in one write",
        ">SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
        "<ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        true, false},
    {"error drops up to Sync", ">PBDESPBES<1EZ12CZ", true, false},
    {"error ignores pipelined Query up to Sync", ">PBEQ<E>QF>S<Z", true, false},
    {"error, later Query before Sync ignored", ">PBE<E>Q>S<Z>Q<CZ", true,
        false},
    {"error without Sync keeps it open", ">PBE<E", false, false},
    {"error of a Query", ">Q<EZ", true, false},
    {"error at the Sync's commit", ">PBES<12CEZ", true, false},
    {"function call", ">F<VZ>F<EZ", true, false},
    {"close of a portal", ">CS<3Z", true, false},
    {"notice amid rows", ">Q<TDNDCZ", true, false},
    {"notification and parameter status when idle", "<ASN", true, false},
    {"our own query", ">Q-<T-D-C-Z-", true, false},
    {"our own query before the client's", ">Q-PBES<C-Z-12CZ", true, false},
    {"our own notice", ">Q-<N-C-Z-", true, false},
    {"our own error", ">Q-<E-Z-", true, false},
    {"unasked ready", "<Z!", true, false},
    {"unasked row", "<D!", true, false},
    {"answer of the wrong kind", ">P<2!", false, false},
    {"row for a Parse", ">P<D!", false, false},
    {"copy out", ">Q<HddcCZ", true, false},
    {"copy in, simple", ">Q<G>ddc<CZ", true, false},
    {"copy in, failed by the client", ">Q<G>df<EZ", true, false},
    {"copy in, all at once", ">Qddc<GCZ", true, false},
    {"two copies in one query", ">Q<G>dc<CG>dc<CZ", true, false},
    {"two copies in one query, all at once", ">Qdcdc<GCGCZ", true, false},
    {"copy data after a failed copy is dropped", ">Q<G>d<EZ>dxcx", true, false},
    {"copy end sent before the error was seen", ">Q<G>dc<EZ>Q<CZ", true, false},
    {"copy in, as libpq sends it", ">PBDES<12nG>ddcS<CZ", true, false},
    {"copy in, extended, pipelined", ">PBEdcS<12GCZ", true, false},
    {"copy in, early Sync eaten, batch still open", ">PBES<12G>dc<C", false,
        false},
    {"copy in fails, as libpq sends it", ">PBDES<12nG>dd<E>dxcxS<Z", true,
        true},
    {"and the probe shows nothing more", ">PBES<12G>d<E>S<Z>o<I-Z-", true,
        false},
    {"copy in fails before it ate the Sync", ">PBES<12GE>S<ZZ", true, false},
    {"the probe meets the Sync's answer", ">PBES<12GE>S<Z>o<ZI-Z-", true,
        false},
    {"copy in fails and the early Sync was answered", ">PBES<12GEZ", true,
        false},
    {"simple copy, Sync during it is eaten", ">Q<G>dSc<CZ", true, false},
    {"simple copy, Sync during it, fails", ">Q<G>dS<EZ", true, true},
    {"Query amid a copy", ">Q<G>dQ!", false, false},
    {"Query pipelined behind a simple copy", ">QQ<G?", false, false},
    {"Parse pipelined behind an extended copy", ">PBEPBES<12GEZ", true, false},
    {"copy refused at Bind", ">PBEdcS<1EZ", true, false},
    {"copy end for a query that was no copy", ">Qc<CZ", true, false},
    {"stray copy data", ">dxcxfx", true, false},
    {"shutdown while idle", "<E", true, false},
    /* invented */
    {"invented in its place", ">Bii<2[ii]>Si<Z[i]", true, false},
    {"invented with nothing owed", ">i?B<2>i?S<Z", true, false},
    {"invented behind the error", ">PiS<E[]Z[]", true, false},
    {"invented behind the error, and behind its Sync", ">PBiSi<E[]Z[i]", true,
        false},
    {"invented while the server skips", ">P<E>i?S<Z[]", true, false},
    {"invented in the batch behind", ">PBSiBi<E[]Z[i]2[i]>S<Z", true, false},
    {"invented behind a Query that fails", ">Qi<E[]Z[i]", true, false},
    {"invented behind a copy all at once", ">Qcdi<GC[]Z[i]", true, false},
    {"invented before a copy end for no copy", ">Qic<C[]Z[i]", true, false},
    {"invented behind an extended copy", ">BEcdiS<2GC[i]Z", true, false},
    {"invented in the midst of a copy's Sync", ">BEiS<2G?", false, false},
    {"invented behind a copy's Sync", ">BESi<2G?", false, false},
    {"invented and then nobody is there", ">Bi*Si*E~[a/b/]<2-Z-[]", false,
        false},
    /* helpers */
    {"helper in front", ">P+BES<1-2CZ", true, false},
    {"helper in the midst", ">PP+BES<11-2CZ", true, false},
    {"helper's error is the client's", ">P+BES<EZ", true, false},
    {"helper's error loses the batch up to Sync", ">BESP+BESQ<2CZE[]ZCZ", true,
        false},
    {"helper's notice is not the client's", ">P+S<N-1-NZ", true, false},
    {"our own error is not", ">P-S<E-Z", true, false},
    {"helper behind an error is skipped too", ">BP+BES<EZ", true, false},
    {"helper while the server skips", ">B<E>P+S<Z", true, false},
    {"helper's error when its client has gone", ">P+BES~<E-Z-", true, false},
    {"helper's notice when its client has gone", ">P+S~<N-1-Z-", true, false},
    /* notes */
    {"note of a Parse", ">P*S<[]1[a=]Z[]", true, false},
    {"note of each", ">P*B*D*E*C*S*<1[a=]2[b=]T[c=]D[]C[d=]3[e=]Z[f=]", true,
        false},
    {"note of a suspended Execute", ">E*S<D[]s[a=]Z", true, false},
    {"note of an empty Execute", ">E*S<I[a=]Z", true, false},
    {"note of a Describe without rows", ">D*S<t[]n[a=]Z", true, false},
    {"note of a Query, at its end", ">Q*<TDCTDC[]Z[a=]", true, false},
    {"note of an empty Query", ">Q*<I[]Z[a=]", true, false},
    {"note of a function call, at its end", ">F*<V[]Z[a=]", true, false},
    {"note of our own", ">P-*S<1-[a=]Z", true, false},
    {"note of a helper", ">P+*S<1-[a=]Z", true, false},
    {"note of a helper that fails", ">P+*B*S*<E[a!b/]Z[c=]", true, false},
    {"note of an invented answer, when delivered", ">Bi*S<[]2[ia=]Z", true,
        false},
    {"note of an invented answer, nothing owed", ">i?*[a=]S<Z", true, false},
    {"notes here and there", ">PB*EP*S<1[]2[a=]C[]1[b=]Z", true, false},
    {"failed, and skipped behind it, in order",
        ">P*B*D*i*E*S*<E[a!b/c/d/e/]Z[f=]", true, false},
    {"failed in the midst", ">P*B*E*S*<1[a=]E[b!c/]Z[d=]", true, false},
    {"failed, and a Query behind it without a Sync", ">P*Q*F*E*S<E[a!b/c/d/]Z",
        true, false},
    {"failed without any note", ">PB*S*<E[a/]Z[b=]", true, false},
    {"Query fails at the error", ">Q*<TD[]E[a!]Z[]", true, false},
    {"Query fails after a success", ">Q*<C[]E[a!]Z[]", true, false},
    {"Query fails, the next has its own note", ">Q*Q*<E[a!]Z[]C[]Z[b=]", true,
        false},
    {"function call fails at the error", ">F*F*<E[a!]Z[]V[]Z[b=]", true, false},
    {"commit fails at the error", ">E*S*S*<C[a=]E[b!]Z[]Z[c=]", true, false},
    {"batches pipelined, error in the first",
        ">P*B*E*S*P*B*E*S*Q*<1[a=]E[b!c/]Z[d=]1[e=]2[f=]C[g=]Z[h=]CZ[i=]", true,
        false},
    {"while the server skips, at once",
        ">P*<E[a!]>B*[b/]Q*[c/]P+*[d/]i?*[e/]S*[]<Z[f=]", true, false},
    {"not answered at all, at once", ">Q*H*[b/]<G>d*[c/]c*[d/]<C[]Z[a=]", true,
        false},
    {"copy data for nobody, at once", ">dx*[a/]", true, false},
    {"message refused in a copy, at once", ">Q<G>Q!*[a/]", false, false},
    {"copy in", ">Q*<G>dc<C[]Z[a=]", true, false},
    {"copy in, extended, all at once", ">P*B*E*dcS*<1[a=]2[b=]G[]C[c=]Z[d=]",
        true, false},
    {"copy in, as libpq sends it", ">B*E*S*<2[a=]G[]>dcS*<C[c/b=]Z[d=]", true,
        false},
    {"copy in, as libpq sends it, without its own note",
        ">BES*<2G>dcS*<C[a/]Z[b=]", true, false},
    {"copy in, as libpq sends it, only its own note",
        ">BE*S<2G>dcS*<C[a=]Z[b=]", true, false},
    {"copy in, Syncs of it and in it", ">BE*S*S*<2G>dS*cS*<C[b/c/d/a=]Z[e=]",
        true, false},
    {"copy in, two in a Query, Sync in each",
        ">Q*<G>dS*c<C[b/]G>S*dc<C[c/]Z[a=]", true, false},
    {"copy in fails", ">B*E*S*<2[a=]G>d<E[b!c/]>S*<Z[d=]", true, true},
    {"copy in fails, a batch behind it", ">BE*P*S*<2GE[a!b/]Z[c=]", true,
        false},
    {"simple copy fails, a Sync in it", ">Q*<G>dS*<E[a!b/]Z[]", true, true},
    {"simple copy fails without a note, a Sync in it", ">Q<G>dS*<E[a/]Z[]",
        true, true},
    {"copy in fails by the client", ">Q*<G>df<E[a!]Z[]", true, false},
    {"our own ones stay when all is swallowed",
        ">P*i*E*i*S*~[b/d/]<1-[a=]C-[c=]Z-[e=]", true, false},
    {"the end skips what is left, in order", ">P*B*i*E*SQ*Q<1[a=]$[b/c/d/e/]",
        true, false},
    {"the end has nothing to skip", ">PBQ$[]", true, false},
    {"parts are dropped, the notes follow their messages",
        ">P*B*i*S*Q*<1[a=]#[b#c#d#e#]<E[b!c/]Z[d=]C[]Z[e=]", true, false},
    {"parts are dropped, then the end", ">P*B*#[a#b#]$[a/b/]", true, false},
    {"parts are dropped once", ">P*B*#[a#b#]#[]>S*#[c#]<1[a=]2[b=]Z[c=]", true,
        false},
    {"more than fits inside, with notes",
        ">P*B*E*S*P*B*E*S*P*B*E*S*P*B*E*S*P*B*E*S*<1[a=]2[b=]C[c=]Z[d=]E[e!f/g/]"
        ">P+*B*S*<Z[h=]1[i=]2[j=]C[k=]Z[l=]1[m=]2[n=]C[o=]Z[p=]E[q!r/s/]Z[t=]"
        "E[u!v/]Z[w=]",
        true, false},
};

/* ---- acting a script ----------------------------------------------------- */

#define NOTES_MAX 26

struct act {
	const struct script *script;
	struct answers answers;
	struct note *notes[NOTES_MAX]; /* borrowed */
	bool dropped[NOTES_MAX];       /* their parts */
	int note_count;
	struct buf log; /* what has happened */
};

static void
log_event(struct act *act, int number, char event)
{
	buf_append_char(&act->log, (char)('a' + number));
	buf_append_char(&act->log, event);
}

static void
on_note(void *context, struct note *note, enum note_event event)
{
	struct act *act = context;
	int number = 0;

	while (act->notes[number] != note) {
		number++;
		ck_assert_int_lt(number, act->note_count);
	}
	ck_assert_ptr_eq(
	    note->part, act->dropped[number] ? NULL : &act->notes[number]);
	note->part = NULL;
	act->notes[number] = NULL;
	log_event(act, number,
	    event == NOTE_DONE         ? '='
	        : event == NOTE_FAILED ? '!'
	                               : '/');
}

static void
on_part(void *context, void *part, enum note_event event)
{
	struct act *act = context;
	ptrdiff_t number = (struct note **)part - act->notes;

	ck_assert(event == NOTE_SKIPPED);
	ck_assert(!act->dropped[number]);
	act->dropped[number] = true;
	log_event(act, (int)number, '#');
}

static void
attach(struct act *act)
{
	struct note *note = note_new();

	ck_assert_int_lt(act->note_count, NOTES_MAX);
	act->notes[act->note_count] = note;
	note->part = &act->notes[act->note_count++];
	answers_attach(&act->answers, note);
}

static bool
has_mark(const char *marks, size_t count, char mark)
{
	return memchr(marks, mark, count) != NULL;
}

static void
run_seen(struct act *act, char type, const char *marks, size_t count)
{
	enum answers_seen want = has_mark(marks, count, '-') ? ANSWERS_SWALLOW
	    : has_mark(marks, count, '!') ? ANSWERS_UNEXPECTED
	    : has_mark(marks, count, '?') ? ANSWERS_CLIENT_FAULT
	                                  : ANSWERS_PASS;
	enum answers_seen got = answers_seen(&act->answers, (uint8_t)type);

	ck_assert_msg(got == want, "%s: %c gave %d, not %d", act->script->label,
	    type, (int)got, (int)want);
	(void)answers_take_invented(&act->answers, &act->log);
}

static void
run_sent(struct act *act, char type, const char *marks, size_t count)
{
	enum answers_sent want = has_mark(marks, count, 'x') ? ANSWERS_DROP
	    : has_mark(marks, count, '!')                    ? ANSWERS_VIOLATION
	                                                     : ANSWERS_FORWARD;
	enum answers_sent got = ANSWERS_FORWARD;

	if (type == 'o') {
		answers_sent_probe(&act->answers);
	} else if (type == 'i') {
		ck_assert_msg(answers_invent(&act->answers, "i", 1) ==
		        !has_mark(marks, count, '?'),
		    "%s: invented", act->script->label);
	} else if (has_mark(marks, count, '+')) {
		answers_sent_helper(&act->answers, (uint8_t)type);
	} else {
		got = answers_sent(
		    &act->answers, (uint8_t)type, has_mark(marks, count, '-'));
	}
	ck_assert_msg(got == want, "%s: %c gave %d, not %d", act->script->label,
	    type, (int)got, (int)want);
	if (has_mark(marks, count, '*')) {
		attach(act);
	}
}

/* AT begins with '['; returns how many characters it took. */
static size_t
check_log(struct act *act, const char *at)
{
	size_t length = strcspn(at + 1, "]");
	const char *log = buf_text(&act->log);

	ck_assert_msg(
	    act->log.length == length && memcmp(log, at + 1, length) == 0,
	    "%s: \"%s\" before %s", act->script->label, log, at);
	buf_clear(&act->log);
	return length + 2;
}

static void
run_steps(struct act *act)
{
	const char *at = act->script->steps;
	bool sending = true;

	while (*at != '\0') {
		size_t marks = strspn(at + 1, "-+*x!?");

		switch (*at) {
		case '>':
		case '<':
			sending = *at++ == '>';
			continue;
		case '[':
			at += check_log(act, at);
			continue;
		case '~':
			answers_swallow_all(&act->answers);
			at++;
			continue;
		case '#':
			answers_drop_parts(&act->answers, on_part, act);
			at++;
			continue;
		case '$':
			answers_fini(&act->answers);
			at++;
			continue;
		default:
			break;
		}
		if (sending) {
			run_sent(act, *at, at + 1, marks);
		} else {
			run_seen(act, *at, at + 1, marks);
		}
		at += 1 + marks;
	}
}

START_TEST(answers_follow_the_protocol)
{
	const struct script *script = &scripts[_i];
	struct act act = {.script = script};
	struct answers *answers = &act.answers;

	answers_init(answers, on_note, &act);
	run_steps(&act);
	ck_assert_msg(act.log.length == 0, "%s: \"%s\" at the end",
	    script->label, buf_text(&act.log));
	ck_assert_msg(answers_is_settled(answers) == script->settled,
	    "%s: settled", script->label);
	ck_assert_msg(answers_needs_probe(answers) == script->probe,
	    "%s: probe", script->label);
	ck_assert_msg(!script->settled || answers->sent == answers->done,
	    "%s: ordinals", script->label);
	ck_assert_msg(!script->settled || answers->notes.count == 0,
	    "%s: notes", script->label);
	answers_fini(answers);
	buf_fini(&act.log);
}
END_TEST

START_TEST(answers_invented_come_in_their_place)
{
	struct answers answers;
	struct buf out = {0};

	answers_init(&answers, NULL, NULL);
	ck_assert(!answers_invent(&answers, "a", 1));
	ck_assert(answers_sent(&answers, 'B', false) == ANSWERS_FORWARD);
	ck_assert(answers_invent(&answers, "one", 3));
	ck_assert(answers_invent(&answers, "two", 3));
	ck_assert(answers_sent(&answers, 'S', false) == ANSWERS_FORWARD);
	ck_assert(answers_invent(&answers, "three", 5));
	ck_assert(!answers_take_invented(&answers, &out));
	ck_assert(answers_seen(&answers, '2') == ANSWERS_PASS);
	ck_assert(answers_take_invented(&answers, &out));
	ck_assert_str_eq(buf_text(&out), "onetwo");
	ck_assert(answers_seen(&answers, 'Z') == ANSWERS_PASS);
	ck_assert(answers_take_invented(&answers, &out));
	ck_assert_str_eq(buf_text(&out), "onetwothree");
	ck_assert(answers_is_settled(&answers));
	buf_fini(&out);
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_invented_go_with_the_error_before_them)
{
	struct answers answers;
	struct buf out = {0};

	answers_init(&answers, NULL, NULL);
	ck_assert(answers_sent(&answers, 'P', false) == ANSWERS_FORWARD);
	ck_assert(answers_invent(&answers, "never", 5));
	ck_assert(answers_sent(&answers, 'S', false) == ANSWERS_FORWARD);
	ck_assert(answers_seen(&answers, 'E') == ANSWERS_PASS);
	ck_assert(!answers_take_invented(&answers, &out));
	ck_assert(answers_seen(&answers, 'Z') == ANSWERS_PASS);
	ck_assert(!answers_take_invented(&answers, &out));
	ck_assert(answers_is_settled(&answers));
	answers_fini(&answers);
	buf_fini(&out);
}
END_TEST

START_TEST(answers_grow_and_keep_their_order)
{
	struct answers answers;

	answers_init(&answers, NULL, NULL);
	for (uint32_t i = 0; i < 3000; i++) {
		ck_assert(answers_sent(&answers, i % 3 == 0 ? 'Q' : 'S',
		              i % 2 == 0) == ANSWERS_FORWARD);
		if (i % 4 == 3) {
			/* the oldest of them */
			ck_assert(answers_seen(&answers, 'Z') ==
			    ((i / 4) % 2 == 0 ? ANSWERS_SWALLOW
			                      : ANSWERS_PASS));
		}
	}
	ck_assert_uint_eq(answers.count, 2250);
	answers_swallow_all(&answers);
	while (answers.count > 0) {
		ck_assert(answers_seen(&answers, 'Z') == ANSWERS_SWALLOW);
	}
	ck_assert_uint_eq(answers.runs, 0);
	answers_fini(&answers);
}
END_TEST

/* Tells TYPE and returns the number of the batch it was in. */
static uint64_t
batch_of(struct answers *answers, char type)
{
	uint64_t batch = answers_batch(answers);

	ck_assert(
	    answers_sent(answers, (uint8_t)type, false) == ANSWERS_FORWARD);
	return batch;
}

START_TEST(answers_number_batches)
{
	struct answers answers;
	uint64_t first, batch;

	answers_init(&answers, NULL, NULL);
	first = batch_of(&answers, 'P');
	ck_assert_uint_eq(batch_of(&answers, 'B'), first);
	ck_assert_uint_eq(batch_of(&answers, 'H'), first);
	ck_assert_uint_eq(batch_of(&answers, 'E'), first);
	ck_assert_uint_eq(batch_of(&answers, 'S'), first);
	ck_assert_uint_eq(batch_of(&answers, 'Q'), first + 1);
	ck_assert_uint_eq(batch_of(&answers, 'F'), first + 2);
	answers_sent_own(&answers, 'Q');
	batch = batch_of(&answers, 'P');
	ck_assert_uint_eq(batch, first + 4);
	answers_fini(&answers);
	/* What is skipped ends no batch. */
	answers_init(&answers, NULL, NULL);
	batch = batch_of(&answers, 'P');
	ck_assert(answers_seen(&answers, 'E') == ANSWERS_PASS);
	ck_assert(answers_is_skipping(&answers));
	ck_assert_uint_eq(batch_of(&answers, 'Q'), batch);
	ck_assert_uint_eq(batch_of(&answers, 'P'), batch);
	ck_assert_uint_eq(batch_of(&answers, 'S'), batch);
	ck_assert(!answers_is_skipping(&answers));
	ck_assert_uint_eq(batch_of(&answers, 'P'), batch + 1);
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_number_batches_in_a_copy_too)
{
	struct answers answers;
	uint64_t batch;

	answers_init(&answers, NULL, NULL);
	batch = batch_of(&answers, 'E');
	ck_assert(answers_seen(&answers, 'G') == ANSWERS_PASS);
	ck_assert_uint_eq(batch_of(&answers, 'S'), batch); /* eaten */
	ck_assert_uint_gt(answers_batch(&answers), batch);
	ck_assert(answers_sent(&answers, 'Q', false) == ANSWERS_VIOLATION);
	ck_assert_uint_eq(batch_of(&answers, 'c'), answers_batch(&answers));
	ck_assert(answers_seen(&answers, 'C') == ANSWERS_PASS);
	batch = batch_of(&answers, 'S');
	ck_assert_uint_gt(answers_batch(&answers), batch);
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_know_the_note_of_the_oldest)
{
	struct answers answers;
	struct note *first = note_new(), *second = note_new();

	answers_init(&answers, NULL, NULL);
	ck_assert_ptr_null(answers_head_note(&answers));
	(void)batch_of(&answers, 'P');
	(void)batch_of(&answers, 'Q');
	answers_attach(&answers, first);
	(void)batch_of(&answers, 'Q');
	answers_attach(&answers, second);
	ck_assert_ptr_null(answers_head_note(&answers));
	ck_assert(answers_seen(&answers, '1') == ANSWERS_PASS);
	ck_assert_ptr_eq(answers_head_note(&answers), first);
	ck_assert(answers_seen(&answers, 'E') == ANSWERS_PASS);
	ck_assert_ptr_null(answers_head_note(&answers));
	ck_assert(answers_seen(&answers, 'Z') == ANSWERS_PASS);
	ck_assert_ptr_eq(answers_head_note(&answers), second);
	ck_assert(answers_seen(&answers, 'Z') == ANSWERS_PASS);
	ck_assert_ptr_null(answers_head_note(&answers));
	answers_fini(&answers);
}
END_TEST

START_TEST(answers_have_a_bound)
{
	struct answers answers;

	answers_init(&answers, NULL, NULL);
	while (answers_has_room(&answers)) {
		ck_assert(
		    answers_sent(&answers, 'S', false) == ANSWERS_FORWARD);
	}
	ck_assert_uint_eq(answers.count, ANSWERS_MAX);
	answers_fini(&answers);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("answers");
	TCase *theme = tcase_create("owed");

	tcase_add_loop_test(theme, answers_follow_the_protocol, 0,
	    (int)(sizeof(scripts) / sizeof(*scripts)));
	tcase_add_test(theme, answers_invented_come_in_their_place);
	tcase_add_test(theme, answers_invented_go_with_the_error_before_them);
	tcase_add_test(theme, answers_grow_and_keep_their_order);
	tcase_add_test(theme, answers_number_batches);
	tcase_add_test(theme, answers_number_batches_in_a_copy_too);
	tcase_add_test(theme, answers_know_the_note_of_the_oldest);
	tcase_add_test(theme, answers_have_a_bound);
	suite_add_tcase(suite, theme);
	return unit_run(suite);
}
