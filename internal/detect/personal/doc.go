// Package personal tells personal data: in running text, in the tables that a text
// file holds, and in the columns of databases. It imports nothing of lenscap, keeps
// no value that it saw, and calls nobody.
//
// # Kinds
//
// A [Kind] is one kind of value, with the category of GB/T 35273-2020 appendix A,
// whether it is sensitive personal information (appendix B, and article 28 of the
// Personal Information Protection Law) and whether it is a special category of
// article 9 of the GDPR. Where a number has a check, it must hold:
//
//   - resident identity number: GB 11643, province, a day since 1880, MOD 11-2; the
//     15 digits of old in columns so named only
//   - bank card: issuer's prefix and length, Luhn, no number published for tests
//   - unified social credit code: GB 32100 modulo 31, and GB 11714 within
//   - IBAN: country's length, MOD 97-10
//   - identity numbers of Hong Kong and Taiwan, machine-readable lines of passports
//     (ICAO 9303): all check digits
//   - the others by form: mobile numbers by the segments that are given out, social
//     security and insurance numbers by their issuers' rules, addresses by their
//     levels, names by family name
//
// Numbers that count up or down, or repeat one digit, and addresses of roles and
// samples are none of anybody.
//
// # Running text
//
// A [Scanner] reads a file once. A value counts as near when a word for its kind
// stands within 30 characters, in English, Chinese (UTF-8 or GBK) or pinyin. A
// kind is told when
//
//   - distinct values are near: 1 where a check digit proves an identity number or
//     a card, 2 where there is only a form, and for IBANs, which are published for
//     donations, 3 for phone numbers and credit codes
//   - or there are many distinct ones, and most of what has the outer form is valid,
//     so that order numbers of the same length do not count: 3 resident numbers or
//     IBANs, 5 addresses, 10 cards, 50 phone numbers or e-mail addresses; for cards,
//     phone numbers and e-mail addresses they must also be on a part of the lines
//
// So one number in a log is nothing, eleven digits alone never are, and e-mail
// addresses are told in bulk only: not as Name <address>, nor in files that list
// authors, as those are public.
//
// # Tables
//
// CSV with any delimiter, JSON, XML and SQL dumps (INSERT, COPY) are also read as
// columns. A [Column] holds a kind when at least 80 % of its values pass the kind's
// check, 95 % where there is only a form; a name that hints at the kind lowers that
// to 30 % and 50 or 60 %, and lets one row be enough. Kinds that have no form at
// all, such as diagnoses or salaries, need the name. Columns that people log in with
// may hold several kinds, mixed. A file's table must moreover be one
// of people (two kinds side by side, three rows) or long before contact data in
// it is told.
//
// # Severity
//
// By distinct values: identity numbers, cards, health, biometrics and secrets are
// low from 1, medium from 5, high from 20; phone numbers, addresses and the like
// medium from 50, high from 1,000; names, e-mail addresses and credit codes medium
// from 1,000, high from 100,000.
//
// # Values
//
// What was seen is counted by hashes under a key of the process, at most 4,096 a
// kind and file; beyond, the count is an estimate within a few percent. [Mask] is
// for samples that are asked for.
package personal
