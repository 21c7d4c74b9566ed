import type { Node, Operand, Pipe, Template } from './parser.ts';

/** Whether `template` reads the field `name` of what it is given, or all of it at once (`{{json .}}`). */
export function usesField(template: Template, name: string): boolean {
  return template.nodes.some((node) => nodeUses(node, name));
}

function nodeUses(node: Node, name: string): boolean {
  if (node.kind === 'action') return pipeUses(node.pipe, name);
  if (node.kind === 'if' || node.kind === 'with' || node.kind === 'range') {
    return pipeUses(node.pipe, name) || [...node.body, ...node.otherwise].some((inner) => nodeUses(inner, name));
  }
  return node.kind === 'template' && node.pipe !== undefined && pipeUses(node.pipe, name);
}

const pipeUses = (pipe: Pipe, name: string): boolean =>
  pipe.commands.some((command) => command.some((operand) => operandUses(operand, name)));

function operandUses(operand: Operand, name: string): boolean {
  if (operand.kind === 'dot') return true;
  if (operand.kind === 'field' || operand.kind === 'variable') return operand.names[0] === name;
  return operand.kind === 'group' && pipeUses(operand.pipe, name);
}
