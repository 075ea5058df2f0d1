import type { ForgeKind } from './forge.ts';
import type { StoredDocument } from './layout.ts';

/**
 * What forges have in common, read out of documents as their APIs gave them: for Markdown, `.env` files, and for making
 * it again in any forge. What is not in here is still in the document.
 */
export interface Comment {
  /** The forge's id. */
  readonly id: string;
  readonly author: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Markdown. */
  readonly body: string;
  /** Of a review: the file, the line where it is known, and how the reviewer decided. */
  readonly file?: string;
  readonly line?: number;
  readonly review?: 'approved' | 'changes requested' | 'commented' | 'dismissed';
}

export interface Issue {
  readonly number: number;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
  readonly state: 'open' | 'closed';
  readonly author: string;
  readonly createdAt: string;
  readonly closedAt?: string;
  readonly labels: readonly string[];
  /** Its title. */
  readonly milestone?: string;
  readonly assignees: readonly string[];
  /** In the order of time. */
  readonly comments: readonly Comment[];
  /** Where the forge shows it. */
  readonly url: string;
}

/** A pull request, or merge request. */
export interface Pull extends Issue {
  readonly from: { readonly repository?: string; readonly branch: string; readonly commit?: string };
  readonly into: { readonly branch: string; readonly commit?: string };
  readonly mergedAt?: string;
  readonly draft: boolean;
}

export interface Label {
  readonly name: string;
  /** Six hexadecimal digits. */
  readonly color: string;
  readonly description: string;
}

export interface Milestone {
  readonly title: string;
  readonly description: string;
  readonly state: 'open' | 'closed';
  /** RFC 3339, or a date. */
  readonly dueAt?: string;
}

export interface Release {
  readonly tag: string;
  readonly name: string;
  readonly body: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  readonly createdAt: string;
  /** Names of its files, as they stand in `KEY.assets/`. */
  readonly assets: readonly string[];
}

export interface Variable {
  readonly name: string;
  /** Absent where the forge gives nobody the value: a secret, known by its name only. */
  readonly value?: string;
  /** Of one environment only: its name, or GitLab's pattern of names. */
  readonly environment?: string;
  /** Only for protected branches and tags. */
  readonly protected?: boolean;
  /** Hidden in logs. */
  readonly masked?: boolean;
  /** A file's content, not a value. */
  readonly file?: boolean;
}

export interface RepositoryView {
  readonly path: string;
  readonly description: string;
  readonly visibility: 'public' | 'internal' | 'private';
  readonly archived: boolean;
  readonly defaultBranch?: string;
  readonly topics: readonly string[];
  readonly homepage?: string;
  readonly hasIssues: boolean;
  readonly hasWiki: boolean;
}

/** Reads the documents of one kind of forge. Each throws TypeError on a document that is none of its own. */
export interface DocumentReader {
  readonly kind: ForgeKind;
  repository(document: StoredDocument): RepositoryView;
  issue(document: StoredDocument): Issue;
  pull(document: StoredDocument): Pull;
  label(document: StoredDocument): Label;
  milestone(document: StoredDocument): Milestone;
  release(document: StoredDocument): Release;
  /** Of `variables`, and of `secrets`, which come without a value. */
  variable(document: StoredDocument): Variable;
}
