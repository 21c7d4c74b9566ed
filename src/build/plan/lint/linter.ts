import type { DockerfileWarning, SourceRange } from '../../builder.ts';
import type { LintSettings } from '../../dockerfile/dockerfile.ts';
import { parseLintSettings } from '../../dockerfile/parse.ts';
import { EXPERIMENTAL, RULES, type RuleName, ruleUrl } from './rules.ts';

/** Gathers what the rules found, as far as the Dockerfile wants to hear of it. */
export class Linter {
  readonly warnings: DockerfileWarning[] = [];
  readonly #settings: LintSettings;

  constructor(settings: LintSettings) {
    this.#settings = settings;
  }

  /** Whether the Dockerfile as a whole wants to hear of it. */
  asks(rule: RuleName): boolean {
    return this.#wanted(rule, []);
  }

  /** `comments` are those above the instruction: one may be `check=skip=…`. */
  report(rule: RuleName, detail: string, range: SourceRange, comments: readonly string[] = []): void {
    if (!this.#wanted(rule, comments)) return;
    this.warnings.push({ rule, description: RULES[rule], url: ruleUrl(rule), detail, ranges: [range] });
  }

  /** The sentence of `# check=error=true`, when something was found. */
  violation(): string | undefined {
    if (!this.#settings.error || this.warnings.length === 0) return undefined;
    return `lint violation found for rules: ${[...new Set(this.warnings.map(({ rule }) => rule))].join(', ')}`;
  }

  #wanted(rule: RuleName, comments: readonly string[]): boolean {
    const all = [this.#settings, ...settingsAbove(comments)];
    if (EXPERIMENTAL.has(rule)) return all.some((settings) => settings.experimentalAll || settings.experimental.includes(rule));
    return !all.some((settings) => settings.skipAll || settings.skip.includes(rule));
  }
}

function settingsAbove(comments: readonly string[]): LintSettings[] {
  const value = comments.map((line) => /^check\s*=\s*(\S+)/i.exec(line)?.[1]).find((found) => found !== undefined);
  if (value === undefined) return [];
  try {
    return [parseLintSettings(value)];
  } catch {
    // A comment that only looks like settings changes nothing, as with Docker.
    return [];
  }
}
