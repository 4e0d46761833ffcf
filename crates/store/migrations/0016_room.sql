-- Each inspection and each judgement changes these rows again, and seldom anything that an index holds.
{room asset};
{room inspection};
{room record};
{room record_identifier};
