//! Takes what a finished file says over into a new one, row by row.

use domain::catalogue::{Cycle, Scheme, Term};
use domain::vulnerability::Prose;
use zerocopy::little_endian::U32;

use super::strings::Word;
use super::{Builder, FlawEntry, ProseEntry, RangeEntry, ReleaseKey, SourceEntry, StatementEntry, VectorEntry};
use crate::error::Damaged;
use crate::format::{
    BlockRow, ClaimRow, ContextRow, CoverageRow, PackageRow, PastRow, RangeRow, ReleaseRow, Section, SourceRow, Span,
    StatementRow, Text, VulnerabilityRow,
};
use crate::lookup::Knowledge;
use crate::packed;
use crate::past::{Fact, Past};

/// Feeds whose facts carry no name, since nobody else tells them.
const KEV: &str = "kev";
const EPSS: &str = "epss";
const CYCLES: &str = "endoflife";
/// Feeds that tell SSVC answers, of which the latest counts.
const SSVC: [&str; 2] = ["vulnrichment", "cvelist"];

impl Builder {
    /// Takes over what a file says, without what comes from feeds that are `replaced`: their own records say it here.
    ///
    /// Aliases, weaknesses, dates and rejections are not told apart by feeds in a file, so they come along as a whole. The
    /// snapshots do not: the caller knows which feed speaks.
    pub fn take_over(&mut self, file: &Knowledge, replaced: &dyn Fn(&str) -> bool) -> Result<(), Damaged> {
        let taker = Taker { file, replaced };
        let ids = taker.ids(self)?;
        taker.releases(self, &ids)?;
        taker.sources(self)?;
        taker.vulnerabilities(self, &ids)?;
        taker.catalogues(self)?;
        taker.past(self, &ids)
    }
}

struct Taker<'a> {
    file: &'a Knowledge,
    replaced: &'a dyn Fn(&str) -> bool,
}

/// What a claim needs of its statement; the rest is the package's.
type Template = Option<StatementEntry>;

impl Taker<'_> {
    fn text(&self, text: Text) -> Result<&str, Damaged> {
        self.file.image.text(text)
    }

    fn word(&self, builder: &mut Builder, text: Text) -> Result<Word, Damaged> {
        Ok(builder.strings.intern(self.text(text)?))
    }

    /// The feed's word. `None`: it is replaced.
    fn feed(&self, builder: &mut Builder, feed: u32) -> Result<Option<Word>, Damaged> {
        let id = self.file.feed_id(feed)?;
        Ok((!(self.replaced)(id)).then(|| builder.strings.intern(id)))
    }

    /// The identifier of each vulnerability, by its row.
    fn ids(&self, builder: &mut Builder) -> Result<Vec<Word>, Damaged> {
        let all = self.file.all::<VulnerabilityRow>(Section::Vulnerabilities);
        let rows = self.file.image.rows::<VulnerabilityRow>(Section::Vulnerabilities, all)?;
        rows.iter().map(|row| self.file.with_id(row, |id| builder.strings.intern_id(id))).collect()
    }

    fn releases(&self, builder: &mut Builder, ids: &[Word]) -> Result<(), Damaged> {
        let image = &self.file.image;
        let all = self.file.all::<ReleaseRow>(Section::Releases);
        let coverage = self.file.all::<CoverageRow>(Section::Coverage);
        let coverage = image.rows::<CoverageRow>(Section::Coverage, coverage)?;
        let count = image.count::<StatementRow>(Section::Statements);
        let templates: Vec<Template> =
            (0..count).map(|number| self.template(builder, number)).collect::<Result<_, _>>()?;
        for (index, row) in (0_u32..).zip(image.rows::<ReleaseRow>(Section::Releases, all)?) {
            let key = ReleaseKey {
                ecosystem: self.word(builder, row.ecosystem)?,
                distribution: self.word(builder, row.distribution)?,
                name: self.word(builder, row.name)?,
            };
            for covered in coverage.iter().filter(|covered| covered.release.get() == index) {
                if let Some(feed) = self.feed(builder, covered.feed.get())? {
                    builder.release_index(key);
                    builder.coverage.push((key, feed));
                }
            }
            for package in image.rows::<PackageRow>(Section::Packages, row.packages)? {
                self.package(builder, key, package, ids, &templates)?;
            }
        }
        Ok(())
    }

    fn package(
        &self,
        builder: &mut Builder,
        release: ReleaseKey,
        row: &PackageRow,
        ids: &[Word],
        templates: &[Template],
    ) -> Result<(), Damaged> {
        for claim in self.file.image.rows::<ClaimRow>(Section::Claims, row.claims)? {
            let Some(template) = *numbered(templates, claim.statement)? else { continue };
            let entry = StatementEntry {
                release: builder.release_index(release),
                package: self.word(builder, row.name)?,
                vulnerability: *numbered(ids, claim.vulnerability)?,
                ..template
            };
            builder.statements.push(entry);
        }
        Ok(())
    }

    /// A statement, of no package yet. `None`: its feed is replaced.
    fn template(&self, builder: &mut Builder, number: u32) -> Result<Template, Damaged> {
        let row = self.file.image.row::<StatementRow>(Section::Statements, number)?;
        let Some(feed) = self.feed(builder, row.feed.get().into())? else { return Ok(None) };
        let ranges = self.ranges(builder, row.ranges)?;
        let context = match row.context.get().checked_sub(1) {
            Some(context) => *self.file.image.row::<ContextRow>(Section::Contexts, context)?,
            None => ContextRow {
                module: Text::default(),
                justification: Text::default(),
                product: Text::default(),
                condition: Text::default(),
            },
        };
        let context = [
            self.word(builder, context.module)?,
            self.word(builder, context.justification)?,
            self.word(builder, context.product)?,
            self.word(builder, context.condition)?,
        ];
        Ok(Some(StatementEntry {
            release: 0,
            package: feed,
            vulnerability: feed,
            feed,
            status: row.status,
            rank: row.rank,
            version: self.word(builder, row.version)?,
            urgency: self.word(builder, row.urgency)?,
            advisory: self.word(builder, row.advisory)?,
            ranges: builder.ranges.number(ranges),
            context: builder.contexts.number(context),
        }))
    }

    fn ranges(&self, builder: &mut Builder, span: Span) -> Result<Vec<RangeEntry>, Damaged> {
        let mut set = Vec::new();
        for row in self.file.image.rows::<RangeRow>(Section::Ranges, span)? {
            set.push((self.word(builder, row.lower)?, self.word(builder, row.upper)?, row.flags.get()));
        }
        set.sort_unstable();
        Ok(set)
    }

    fn sources(&self, builder: &mut Builder) -> Result<(), Damaged> {
        let all = self.file.all::<SourceRow>(Section::Sources);
        for row in self.file.image.rows::<SourceRow>(Section::Sources, all)? {
            let Some(feed) = self.feed(builder, row.feed.get())? else { continue };
            let entry = SourceEntry {
                ecosystem: self.word(builder, row.ecosystem)?,
                distribution: self.word(builder, row.distribution)?,
                name: self.word(builder, row.name)?,
                feed,
            };
            builder.sources.push(entry);
        }
        Ok(())
    }

    fn vulnerabilities(&self, builder: &mut Builder, ids: &[Word]) -> Result<(), Damaged> {
        let all = self.file.all::<VulnerabilityRow>(Section::Vulnerabilities);
        let rows = self.file.image.rows::<VulnerabilityRow>(Section::Vulnerabilities, all)?;
        // Texts lie in the order of the vulnerabilities, so that one open block is enough.
        let mut block = (0, Vec::new());
        for (row, id) in rows.iter().zip(ids) {
            self.vulnerability(builder, row, *id, &mut block)?;
        }
        Ok(())
    }

    fn vulnerability(
        &self,
        builder: &mut Builder,
        row: &VulnerabilityRow,
        id: Word,
        block: &mut (u16, Vec<Prose>),
    ) -> Result<(), Damaged> {
        let replaced = self.replaced;
        let known = self.file.read_vulnerability(row)?;
        if let Some(epss) = known.epss.filter(|_| !replaced(EPSS)) {
            builder.epss.push((id, epss));
        }
        if let Some(kev) = known.kev.filter(|_| !replaced(KEV)) {
            builder.kev.push((id, kev));
        }
        for exploit in known.exploits.iter().filter(|exploit| !replaced(&exploit.source)) {
            builder.exploit(id, exploit);
        }
        for usage in known.usages.iter().filter(|usage| !replaced(&usage.source)) {
            builder.usage(id, usage);
        }
        let prose = self.prose(row, block)?;
        let is_described = known.rejected
            || known.published_at.is_some()
            || known.ssvc.is_some()
            || !(known.vectors.is_empty() && known.aliases.is_empty() && known.cwes.is_empty())
            || prose.is_some();
        if is_described {
            let ssvc = known.ssvc.filter(|_| !SSVC.iter().all(|feed| replaced(feed)));
            let entry = FlawEntry { id, rejected: known.rejected, published_at: known.published_at, ssvc };
            builder.flaws.push(entry);
        }
        for published in known.vectors.iter().filter(|published| !replaced(&published.source)) {
            let entry = VectorEntry {
                id,
                vector: builder.strings.intern(&published.vector),
                source: builder.strings.intern(&published.source),
                authority: published.authority,
            };
            builder.vectors.push(entry);
        }
        for alias in &known.aliases {
            builder.alias(id, alias);
        }
        for cwe in &known.cwes {
            let cwe = builder.strings.intern(cwe);
            builder.cwes.push((id, cwe));
        }
        if let Some(prose) = prose {
            // Whose title and pages they are is not kept; whose description it is, is.
            let description = if replaced(&prose.source) { "" } else { prose.description.as_str() };
            let entry = ProseEntry {
                id,
                feed: builder.strings.intern(&prose.source),
                title: prose.title.as_str().into(),
                description: description.into(),
                references: prose.references,
            };
            builder.prose.push(entry);
        }
        Ok(())
    }

    fn prose(&self, row: &VulnerabilityRow, open: &mut (u16, Vec<Prose>)) -> Result<Option<Prose>, Damaged> {
        let facts = self.file.facts(row)?;
        let number = facts.row.prose_block.get();
        let Some(block) = number.checked_sub(1) else { return Ok(None) };
        if open.0 != number {
            let place = self.file.image.row::<BlockRow>(Section::ProseBlocks, block.into())?;
            let bytes = self.file.image.bytes_of(Section::Prose, place.offset, place.bytes)?;
            *open = (number, packed::unpack(bytes)?);
        }
        let index = usize::from(facts.row.prose_index.get());
        let prose = open.1.get_mut(index).ok_or(Damaged("a text that is not there"))?;
        Ok(Some(std::mem::take(prose)))
    }

    fn catalogues(&self, builder: &mut Builder) -> Result<(), Damaged> {
        let image = &self.file.image;
        let teller = |scheme: Scheme| match scheme {
            Scheme::Cwe => "cwe",
            Scheme::Capec => "capec",
            Scheme::Attack => "attack",
        };
        let terms: Vec<Term> = packed::unpack(image.section(Section::Terms)?)?;
        builder.terms.extend(terms.into_iter().filter(|term| !(self.replaced)(teller(term.scheme))));
        if !(self.replaced)(CYCLES) {
            let cycles: Vec<Cycle> = packed::unpack(image.section(Section::Cycles)?)?;
            builder.cycles.extend(cycles);
        }
        Ok(())
    }

    fn past(&self, builder: &mut Builder, ids: &[Word]) -> Result<(), Damaged> {
        let image = &self.file.image;
        let all = self.file.all::<PastRow>(Section::Past);
        for row in image.rows::<PastRow>(Section::Past, all)? {
            let id = *numbered(ids, row.vulnerability)?;
            let bytes = image.bytes_of(Section::PastFacts, row.offset, row.bytes)?;
            let facts: Vec<Past> = postcard::from_bytes(bytes).map_err(|_| Damaged("a version of a fact"))?;
            builder.past.extend(facts.into_iter().filter(|past| !self.is_replaced(&past.fact)).map(|past| (id, past)));
        }
        Ok(())
    }

    fn is_replaced(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Kev(_) => (self.replaced)(KEV),
            Fact::Epss(_) => (self.replaced)(EPSS),
            Fact::Ssvc(_) => SSVC.iter().all(|feed| (self.replaced)(feed)),
            Fact::Exploit(exploit) => (self.replaced)(&exploit.source),
        }
    }
}

/// What is known of a row, by its number.
fn numbered<T>(all: &[T], row: U32) -> Result<&T, Damaged> {
    let place = usize::try_from(row.get()).unwrap_or(usize::MAX);
    all.get(place).ok_or(Damaged("a row that is not there"))
}
