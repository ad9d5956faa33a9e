/* hba_config.h - the HBA rules that belong to a configuration. */
#ifndef AUTH_HBA_CONFIG_H
#define AUTH_HBA_CONFIG_H

struct config;
struct hba;
struct problems;

/*
 * Reads what auth_hba_file and auth_ident_file of CONFIG name, if auth_type is
 * hba, and attaches the rules to it. To be called before anybody else has a
 * reference to CONFIG. What CONFIG shares with BEFORE, as the console's SET has
 * it, is not read again; NULL: everything is. -1: errors were added to
 * PROBLEMS, and nothing is attached. Notes may be added in both cases.
 */
int hba_config_load(struct config *config, const struct config *before,
    struct problems *problems) __attribute__((warn_unused_result));

/* The rules of CONFIG, borrowed; NULL unless auth_type is hba. */
struct hba *hba_config_rules(const struct config *config);

#endif
