import { CommandFailure } from '../../failure.ts';
import { closest } from '../../flags/index.ts';
import type { Project, Service } from '../project/project.ts';
import { Section } from '../project/section.ts';

export interface Need {
  readonly service: string;
  readonly condition: string;
  readonly required: boolean;
}

/** What a service waits for before it starts. */
export function needsOf(project: Project, name: string): Need[] {
  return new Section(project.services.get(name)?.definition).entries('depends_on').map(([service, wish]) => {
    const need = new Section(wish);
    return { service, condition: need.text('condition') ?? 'service_started', required: need.truth('required') !== false };
  });
}

/** The services named and, unless told otherwise, all that they need: each after those that it needs. [] means all. */
export function inOrder(project: Project, names: readonly string[], withNeeds = true): string[] {
  for (const name of names) {
    if (project.services.has(name)) continue;
    const near = closest(name, [...project.services.keys()]);
    throw new CommandFailure(`no such service: ${name}${near ? `: did you mean "${near}"?` : ''}`);
  }
  const wanted = names.length > 0 ? names : [...project.services.keys()];
  const done = new Set<string>();
  const visit = (name: string) => {
    if (done.has(name)) return;
    done.add(name);
    for (const { service } of needsOf(project, name)) if (withNeeds || wanted.includes(service)) visit(service);
    ordered.push(name);
  };
  const ordered: string[] = [];
  for (const name of wanted) visit(name);
  return ordered;
}

/** `inOrder`, as services. */
export function servicesInOrder(project: Project, names: readonly string[], withNeeds = true): Service[] {
  return inOrder(project, names, withNeeds).flatMap((name) => project.services.get(name) ?? []);
}
