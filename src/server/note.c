/*
 * note.c - what is to happen when a certain message is answered.
 */
#include "server/note.h"

#include <assert.h>
#include <stdlib.h>

#include "core/mem.h"
#include "server/form.h"
#include "server/profile.h"
#include "server/statement.h"

struct note *
note_new(void)
{
	return mem_zalloc(sizeof(struct note));
}

void
note_free(struct note **note)
{
	struct note *n = *note;

	if (n == NULL) {
		return;
	}
	*note = NULL;
	assert(n->part == NULL && !list_is_linked(&n->link));
	statement_release(&n->statement);
	profile_release(&n->profile);
	form_release(&n->form);
	free(n);
}
