import { FUNCTIONS, type TemplateFunction } from './functions.ts';
import type { Command, Node, Operand, Pipe, Template } from './parser.ts';
import { isMap, isTrue, Row, show, sortedKeys, type Value } from './value.ts';

/** The template asked for something that is not there. The message follows Go's. */
export class TemplateRunError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TemplateRunError';
  }
}

export interface ExecuteOptions {
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
  /**
   * What a map without the key gives: `undefined` prints `<no value>`. Throwing an Error puts its message into Go's frame.
   */
  readonly missing?: (key: string, map: Record<string, Value>) => Value;
}

class LoopControl extends Error {
  readonly kind: 'break' | 'continue';
  constructor(kind: 'break' | 'continue') {
    super(`{{${kind}}} outside {{range}}`);
    this.kind = kind;
  }
}

type Scope = { name: string; value: Value }[];

class Execution {
  readonly #template: Template;
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #missing: (key: string, map: Record<string, Value>) => Value;
  readonly #scope: Scope;
  output = '';

  constructor(template: Template, data: Value, options: ExecuteOptions) {
    this.#template = template;
    this.#functions = options.functions ?? FUNCTIONS;
    this.#missing = options.missing ?? (() => undefined);
    this.#scope = [{ name: '', value: data }];
  }

  #fail(node: Operand, reason: string): never {
    const before = this.#template.source.slice(0, node.at);
    const line = before.split('\n').length;
    const column = node.at - before.lastIndexOf('\n') - 1;
    throw new TemplateRunError(`template: :${line}:${column}: executing "" at <${written(node)}>: ${reason}`);
  }

  /** Runs `nodes` with their own variables. */
  run(nodes: readonly Node[], dot: Value): void {
    const mark = this.#scope.length;
    try {
      for (const node of nodes) this.#node(node, dot);
    } finally {
      this.#scope.length = mark;
    }
  }

  #node(node: Node, dot: Value): void {
    switch (node.kind) {
      case 'text':
        this.output += node.text;
        return;
      case 'action': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.output += show(value);
        return;
      }
      case 'break':
      case 'continue':
        throw new LoopControl(node.kind);
      case 'template': {
        const body = this.#template.named.get(node.name);
        if (!body) throw new TemplateRunError(`template: template ${JSON.stringify(node.name)} not defined`);
        this.run(body, node.pipe ? this.#pipe(node.pipe, dot) : null);
        return;
      }
      case 'range':
        this.#range(node, dot);
        return;
      default:
        this.#condition(node, dot);
    }
  }

  #condition(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Value): void {
    const mark = this.#scope.length;
    const value = this.#pipe(node.pipe, dot);
    if (isTrue(value)) this.run(node.body, node.kind === 'with' ? value : dot);
    else this.run(node.otherwise, dot);
    this.#scope.length = mark;
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Value): void {
    const source = this.#pipe({ ...node.pipe, variables: [] }, dot);
    const entries = this.#entries(source, node.pipe);
    if (entries.length === 0) {
      this.run(node.otherwise, dot);
      return;
    }
    for (const [key, value] of entries) {
      const mark = this.#scope.length;
      const [first, second] = node.pipe.variables;
      if (second !== undefined) this.#scope.push({ name: first ?? '', value: key }, { name: second, value });
      else if (first !== undefined) this.#scope.push({ name: first, value });
      try {
        this.run(node.body, value);
      } catch (error) {
        if (!(error instanceof LoopControl)) throw error;
        if (error.kind === 'break') break;
      } finally {
        this.#scope.length = mark;
      }
    }
  }

  #entries(source: Value, pipe: Pipe): [Value, Value][] {
    if (source === null || source === undefined) return [];
    if (Array.isArray(source)) return source.map((value, i) => [i, value]);
    if (typeof source === 'number') return Array.from({ length: source }, (_, i) => [i, i]);
    if (isMap(source)) return sortedKeys(source).map((key) => [key, source[key]]);
    const operand = pipe.commands[0]?.[0];
    if (operand) this.#fail(operand, `range can't iterate over ${show(source)}`);
    return [];
  }

  #pipe(pipe: Pipe, dot: Value): Value {
    let value: Value;
    pipe.commands.forEach((command, i) => {
      value = this.#command(command, dot, i === 0 ? [] : [value]);
    });
    for (const name of pipe.variables) {
      if (pipe.declares) this.#scope.push({ name, value });
      else this.#variable(name).value = value;
    }
    return value;
  }

  #command(command: Command, dot: Value, piped: readonly Value[]): Value {
    const [head, ...rest] = command;
    if (!head) return undefined;
    if (head.kind === 'function') return this.#call(head, head.name, rest, dot, piped);
    const args = () => [...rest.map((operand) => this.#operand(operand, dot)), ...piped];
    if (rest.length === 0 && piped.length === 0) return this.#operand(head, dot);
    if (head.kind === 'field') return this.#chain(head, dot, head.names, args());
    if (head.kind === 'variable' && head.names.length > 0) return this.#chain(head, this.#variable(head.name).value, head.names, args());
    return this.#fail(head, "can't give argument to non-function");
  }

  #call(head: Operand, name: string, rest: readonly Operand[], dot: Value, piped: readonly Value[]): Value {
    if (name === 'and' || name === 'or') return this.#shortCircuit(name, rest, dot, piped);
    const args = [...rest.map((operand) => this.#operand(operand, dot)), ...piped];
    const target = this.#functions[name];
    if (!target) return this.#fail(head, `function ${JSON.stringify(name)} not defined`);
    try {
      return target(...args);
    } catch (error) {
      return this.#fail(
        head,
        error instanceof Error && !error.message.startsWith('error calling')
          ? `error calling ${name}: ${error.message}`
          : String((error as Error).message),
      );
    }
  }

  #shortCircuit(name: 'and' | 'or', rest: readonly Operand[], dot: Value, piped: readonly Value[]): Value {
    let value: Value;
    for (const operand of rest) {
      value = this.#operand(operand, dot);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #variable(name: string): Scope[number] {
    const found = name === '' ? this.#scope[0] : this.#scope.findLast((one) => one.name === name);
    if (!found) throw new TemplateRunError(`template: :1: undefined variable "$${name}"`);
    return found;
  }

  #operand(operand: Operand, dot: Value): Value {
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'literal':
        return operand.value;
      case 'field':
        return this.#chain(operand, dot, operand.names, []);
      case 'variable':
        return this.#chain(operand, this.#variable(operand.name).value, operand.names, []);
      case 'group':
        return this.#chain(operand, this.#pipe(operand.pipe, dot), operand.names, []);
      case 'function':
        return this.#call(operand, operand.name, [], dot, []);
    }
  }

  #chain(node: Operand, start: Value, names: readonly string[], args: readonly Value[]): Value {
    return names.reduce<Value>((value, name, i) => this.#field(node, value, name, i === names.length - 1 ? args : []), start);
  }

  #field(node: Operand, value: Value, name: string, args: readonly Value[]): Value {
    if (value instanceof Row) {
      const method = value.methods[name];
      if (method) return method(...args);
      const field = value.fields[name];
      if (!field) return this.#fail(node, `can't evaluate field ${name} in type *formatter.${value.type}`);
      return field();
    }
    if (value === null || value === undefined) return this.#fail(node, `nil pointer evaluating interface {}.${name}`);
    if (!isMap(value))
      return this.#fail(node, `can't evaluate field ${name} in type ${Array.isArray(value) ? '[]interface {}' : typeof value}`);
    const found = Object.hasOwn(value, name) ? value[name] : this.#absent(node, name, value);
    if (typeof found === 'function') return (found as TemplateFunction)(...args);
    if (args.length > 0) return this.#fail(node, `${name} is not a method but has arguments`);
    return found;
  }

  #absent(node: Operand, name: string, map: Record<string, Value>): Value {
    try {
      return this.#missing(name, map);
    } catch (error) {
      return this.#fail(node, error instanceof Error ? error.message : String(error));
    }
  }
}

/** The operand as the user wrote it, for messages. */
function written(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
      return operand.names.map((name) => `.${name}`).join('');
    case 'variable':
      return `$${[operand.name, ...operand.names].join('.')}`;
    case 'function':
      return operand.name;
    case 'literal':
      return JSON.stringify(operand.value);
    default:
      return '.';
  }
}

/** The text of `template` for `data`. Throws `TemplateRunError`. */
export function executeTemplate(template: Template, data: Value, options: ExecuteOptions = {}): string {
  const execution = new Execution(template, data, options);
  execution.run(template.nodes, data);
  return execution.output;
}
