"""Full-text search over messages and sessions: FTS5, or `tsvector` on PostgreSQL, current in the same transaction.

What is searched is kept in a table of its own, `search_documents`, one row for each record that has any words; the
index over it is the database's business, by triggers or a generated column. Words are found whole, in any order, case
and accents aside where the backend can; `"several words"` in quotes follow each other; `word*` is a beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.db import bulk
from agor_core.db.engine import storable_text
from agor_core.errors import BadRequest
from agor_core.models.columns import Text

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

DOCUMENTS = sa.Table(
    "search_documents",
    sa.MetaData(),
    sa.Column("doc", sa.Integer, primary_key=True),
    sa.Column("record_id", Text, nullable=False),
    sa.Column("session_id", Text, nullable=False),
    sa.Column("body", Text),
)
# The words of a long log are rarely what one remembers of it.
MOST_INDEXED = 100_000
MOST_TERMS = 20
MOST_WORDS = 200
SNIPPET_LENGTH = 160

_TAKE_OUT = sa.delete(DOCUMENTS).where(DOCUMENTS.c.record_id == sa.bindparam("id"))

_TERM = re.compile(r'"([^"]*)"|(\S+)')
_WORD = re.compile(r"[^\W_]+")

Snippet = list[dict[str, Any]]
Clause = sa.ColumnElement[bool]
Wanted = Callable[[sa.ColumnElement[Any]], Clause]
"""Whether a document, by its number, is of a record that is asked for."""

# Some 20 ms.
MOST_RANKED = 3_000
# A rank is the smaller the better, and 0 at worst.
_WORST = 1.0
_ALL: sa.ColumnElement[int] = sa.literal_column(str(2**62))


class Search:
    """One search: where its hits are, the best first, and what they look like.

    How good a hit is, is worked out for the newest `MOST_RANKED` only: a word that is everywhere tells so little that
    looking at each place would not be worth what it costs. Older hits follow, the newest first.
    """

    def __init__(self, text: Any, *, is_postgresql: bool) -> None:
        self._terms = _terms(text)
        self.is_postgresql = is_postgresql
        self._matches = self._in_postgresql() if is_postgresql else self._in_fts5()
        self._doc, self._rank = self._matches.selected_columns

    def best(self, is_wanted: Wanted, upto: int) -> sa.Select[Any]:
        """`id`, `rank` and `doc` of the records that were found, the best first, `upto` at most."""
        newest = self._matches.where(is_wanted(self._doc)).order_by(self._doc.desc())
        hits = newest.limit(sa.literal(max(MOST_RANKED, upto))).subquery("hits")
        rank: sa.ColumnElement[Any] = hits.c.rank
        if upto > MOST_RANKED:
            nth = sa.func.row_number().over(order_by=hits.c.doc.desc())
            rank = sa.case((nth <= MOST_RANKED, hits.c.rank), else_=_WORST)
        found = sa.select(DOCUMENTS.c.record_id.label("id"), rank.label("rank"), hits.c.doc)
        found = found.select_from(sa.join(hits, DOCUMENTS, DOCUMENTS.c.doc == hits.c.doc))
        return found.order_by(*self.best_first(found.selected_columns))

    def older(self, is_wanted: Wanted, page: Callable[[sa.Select[Any]], sa.Select[Any]]) -> sa.Select[Any]:
        """`id` and `doc` of a page beyond all that is ranked, the newest first; none of what comes before is looked up.

        `page`: cuts it out of all hits.
        """
        hits = page(self.hits().where(is_wanted(self._doc)).order_by(self._doc.desc())).subquery("hits")
        joined = sa.join(hits, DOCUMENTS, DOCUMENTS.c.doc == hits.c.doc)
        return sa.select(DOCUMENTS.c.record_id.label("id"), hits.c.doc).select_from(joined)

    def hits(self) -> sa.Select[Any]:
        """`doc` of whatever has the words."""
        return self._matches.with_only_columns(self._doc)

    def all(self, is_wanted: Wanted | None) -> sa.Select[Any]:
        """`id` of all that was found, of whatever kind, in no order."""
        # The limit keeps SQLite from beginning elsewhere than in the index of words, which is slow beyond measure.
        found = self.hits() if is_wanted is None else self.hits().where(is_wanted(self._doc))
        hits = found.limit(_ALL).subquery("hits")
        joined = sa.join(hits, DOCUMENTS, DOCUMENTS.c.doc == hits.c.doc)
        return sa.select(DOCUMENTS.c.record_id.label("id")).select_from(joined)

    def count(self, is_wanted: Wanted) -> sa.Select[Any]:
        """How many records were found."""
        hits = self.hits().where(is_wanted(self._doc))
        return sa.select(sa.func.count()).select_from(hits.limit(_ALL).subquery("hits"))

    @staticmethod
    def wanted(
        source: sa.FromClause,
        id: sa.ColumnElement[Any],
        conditions: Sequence[Clause],
        of_session: Callable[[sa.ColumnElement[Any]], Sequence[Clause]],
    ) -> Wanted:
        """That a document is of a row of `source` that fulfils the conditions. `id`: the column of its id.

        `of_session`: those on its session's id, which can be told before the row is looked up.
        """
        document = DOCUMENTS.alias("document")
        # The row is looked up only for a document of its kind, and never the other way round.
        is_of = id == sa.case((_is_of_kind(document, id), document.c.record_id))
        rows = sa.select(sa.literal(1)).select_from(sa.join(document, source, is_of))
        asked = [*of_session(document.c.session_id), *conditions]
        return lambda doc: rows.where(document.c.doc == doc, *asked).exists()

    def of_kind(
        self, id: sa.ColumnElement[Any], conditions: Callable[[sa.ColumnElement[Any]], Sequence[Clause]]
    ) -> Wanted:
        """The same for all rows of that kind, told by their documents alone. `conditions`: on their session's id."""

        def asked(document: sa.FromClause) -> list[Clause]:
            return [_is_of_kind(document, id), *conditions(document.c.session_id)]

        if self.is_postgresql:  # whose hits are the documents themselves
            return lambda _doc: sa.and_(*asked(DOCUMENTS))
        document = DOCUMENTS.alias("document")
        rows = sa.select(sa.literal(1)).select_from(document)
        return lambda doc: rows.where(document.c.doc == doc, *asked(document)).exists()

    @staticmethod
    def best_first(hits: Any) -> list[sa.ColumnElement[Any]]:
        """The order of relevance, of equals the newest first; total, for a record is one document."""
        return [hits.rank.asc(), hits.doc.desc()]

    def among(self, documents: sa.Select[Any]) -> Wanted:
        """That a document is one of these, which are gathered first; hits are sought from the first to the last."""
        if self.is_postgresql:
            return lambda doc: doc.in_(documents)
        gathered = documents.cte("gathered")
        first = sa.func.coalesce(sa.select(sa.func.min(gathered.c.doc)).scalar_subquery(), 1)
        last = sa.func.coalesce(sa.select(sa.func.max(gathered.c.doc)).scalar_subquery(), 0)
        one_of_them = sa.select(gathered.c.doc)
        return lambda doc: sa.and_(doc >= first, doc <= last, _passed(doc).in_(one_of_them))

    def outside(self, documents: Sequence[sa.Select[Any]]) -> Wanted:
        """That a document is in none of these, which are gathered first."""
        if self.is_postgresql:  # which may gather again for each document where it says "not in"
            subqueries = [one.subquery("left_out") for one in documents]
            return lambda doc: sa.and_(
                sa.true(), *(~sa.exists(sa.select(sa.literal(1)).where(one.c.doc == doc)) for one in subqueries)
            )
        return lambda doc: sa.and_(sa.true(), *(_passed(doc).not_in(one) for one in documents))

    def snippets(self, tx: Transaction, ids: Sequence[str]) -> dict[str, Snippet]:
        """For each record the passage around the first hit, in parts: `{text, is_match}`."""
        query = sa.select(DOCUMENTS.c.record_id, DOCUMENTS.c.body).where(DOCUMENTS.c.record_id.in_(ids))
        words = [_pattern(words, is_beginning) for words, is_beginning in self._terms]
        pattern = re.compile("|".join(words), re.IGNORECASE)
        return {id: _snippet(body, pattern) for id, body in tx.connection.execute(query)}

    def _in_fts5(self) -> sa.Select[Any]:
        index = sa.table("search_index", sa.column("rowid"), sa.column("search_index"))
        # Each term is quoted, so that nothing in it is taken for syntax.
        terms = [f'"{" ".join(words)}"' + ("*" if is_beginning else "") for words, is_beginning in self._terms]
        rank = sa.func.bm25(sa.literal_column("search_index"))
        matches = index.c.search_index.op("MATCH")(" AND ".join(terms))
        return sa.select(index.c.rowid.label("doc"), rank.label("rank")).where(matches)

    def _in_postgresql(self) -> sa.Select[Any]:
        asked = sa.literal(" & ".join(_tsquery(words, is_beginning) for words, is_beginning in self._terms))
        query = sa.func.to_tsquery(sa.literal_column("'simple'"), asked)
        vector: sa.ColumnElement[Any] = sa.literal_column("search_documents.words")
        rank = -sa.func.ts_rank(vector, query)
        return sa.select(DOCUMENTS.c.doc, rank.label("rank")).where(vector.op("@@")(query))


def all_of(*conditions: Wanted | None) -> Wanted:
    """That all of these are true; None asks nothing."""
    return lambda doc: sa.and_(sa.true(), *(is_wanted(doc) for is_wanted in conditions if is_wanted is not None))


def is_of_session_itself(document: sa.FromClause) -> Clause:
    """Whether a document is of a session, not of something in one: that of a session is in itself."""
    is_session: Clause = document.c.record_id == document.c.session_id
    return is_session


def _passed(doc: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The number of a document that is only compared: by itself, the index would be asked for each one of a set."""
    passed: sa.ColumnElement[Any] = doc + sa.literal_column("0")
    return passed


def _is_of_kind(document: sa.FromClause, id: sa.ColumnElement[Any]) -> Clause:
    is_session = is_of_session_itself(document)
    return is_session if id.name == "session_id" else sa.not_(is_session)


def put(tx: Transaction, documents: Iterable[tuple[str, str | None, str]]) -> None:
    """Make records findable by their words. `documents`: (record id, its session's id, words), none stored yet."""
    rows = [
        {"record_id": id, "session_id": session_id, "body": _indexed(body[:MOST_INDEXED])}
        for id, session_id, body in documents
        if body
    ]
    bulk.insert(tx.connection, DOCUMENTS, rows)


def take_out(tx: Transaction, record_id: str) -> None:
    """Let a record be found no more."""
    tx.connection.execute(_TAKE_OUT, {"id": record_id})


def take_out_session(tx: Transaction, session_id: str) -> None:
    """Let a session, and all that was said in it, be found no more."""
    tx.connection.execute(sa.delete(DOCUMENTS).where(DOCUMENTS.c.session_id == session_id))


def add_snippets(tx: Transaction, search: Search, records: Sequence[dict[str, Any]], id_field: str) -> None:
    """Give each record found its field `snippet`."""
    snippets = search.snippets(tx, [record[id_field] for record in records])
    for record in records:
        record["snippet"] = snippets.get(record[id_field], [])


def asked_for(query: Mapping[str, Any], *, is_postgresql: bool) -> Search | None:
    """The search that a query wants."""
    return Search(query["$search"], is_postgresql=is_postgresql) if "$search" in query else None


def _terms(text: Any) -> list[tuple[list[str], bool]]:
    """(words that follow each other, whether the last is a beginning only) for each term. Raises BadRequest."""
    if not isinstance(text, str):
        raise BadRequest("$search must be text", operator="$search")
    terms = []
    for phrase, word in _TERM.findall(_composed(text)):
        if words := _WORD.findall(phrase or word):
            terms.append((words, word.endswith("*")))
    in_all = sum(len(words) for words, _ in terms)
    if not terms or len(terms) > MOST_TERMS or in_all > MOST_WORDS:
        limits = f"{MOST_TERMS} terms with {MOST_WORDS} words in all at most"
        raise BadRequest(f"$search must have words, {limits}", operator="$search")
    return terms


def _composed(text: str) -> str:
    """The text with each accent in one character with its letter; names of files on a Mac have them apart."""
    return unicodedata.normalize("NFC", text)


def _indexed(text: str) -> str:
    """The text as it is kept."""
    return text.replace("\0", "\ufffd") if text.isascii() else _composed(storable_text(text))


def _tsquery(words: list[str], is_beginning: bool) -> str:
    return "(" + " <-> ".join(words) + (":*" if is_beginning else "") + ")"


def _pattern(words: list[str], is_beginning: bool) -> str:
    return r"\b" + r"[\W_]+".join(map(re.escape, words)) + (r"[^\W_]*" if is_beginning else r"\b")


def _snippet(body: str, pattern: re.Pattern[str]) -> Snippet:
    first = pattern.search(body)
    begin = max(0, (first.start() if first else 0) - SNIPPET_LENGTH // 3)
    passage = body[begin : begin + SNIPPET_LENGTH]
    parts: Snippet = [{"text": "…", "is_match": False}] if begin else []
    at = 0
    for match in pattern.finditer(passage):
        parts += [{"text": passage[at : match.start()], "is_match": False}] if match.start() > at else []
        parts.append({"text": match[0], "is_match": True})
        at = match.end()
    rest = passage[at:] + ("…" if begin + SNIPPET_LENGTH < len(body) else "")
    return [*parts, {"text": rest, "is_match": False}] if rest else parts
