-- Each minute somebody asks which fixes were claimed and never verified: few of the many findings.
create index finding_pending on finding (asset_id) where state = 'pending';
