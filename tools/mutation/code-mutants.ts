import ts from 'typescript';
import { type Mutant, mutantOf, numbered } from './mutants.ts';

/** What each comparison becomes: its boundary moved, and its opposite. */
const COMPARISONS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
};
const ARITHMETIC: Readonly<Record<string, string>> = {
  '+': '-',
  '-': '+',
  '*': '+',
  '**': '*',
  '+=': '-=',
  '-=': '+=',
};

/** Every mutant of a source file, in the order of their places. */
export function codeMutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const mutants: Mutant[] = [];
  const visit = (node: ts.Node, definition: string): void => {
    if (isUntouched(node)) return;
    const name = nameOf(node, source);
    const within = name === null ? definition : definition === '' ? name : `${definition}.${name}`;
    for (const [place, ...replacements] of changesOf(node, source))
      for (const replacement of replacements) {
        const [start, end] = [place.getStart(source), place.getEnd()];
        if (replacement !== text.slice(start, end)) mutants.push(mutantOf(file, text, within, start, end, replacement));
      }
    ts.forEachChild(node, (child) => visit(child, within));
  };
  visit(source, '');
  return numbered(mutants);
}

/** Between a machine and its states these say nothing. */
const NAMELESS = ['states', 'on'];

/** What a node defines, by which mutants in it are named: functions, and properties that hold objects or functions. */
function nameOf(node: ts.Node, source: ts.SourceFile): string | null {
  if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) && node.name !== undefined)
    return node.name.getText(source);
  if (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) {
    const value = node.initializer;
    const holds = value !== undefined && (ts.isArrowFunction(value) || ts.isObjectLiteralExpression(value));
    const name = node.name.getText(source);
    if (!NAMELESS.includes(name) && (holds || (value !== undefined && ts.isArrayLiteralExpression(value)))) return name;
  }
  return null;
}

/** Types say nothing at run time, and a `throw` is the end of a bug, not behaviour. */
const isUntouched = (node: ts.Node): boolean =>
  ts.isTypeNode(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isImportDeclaration(node) ||
  ts.isThrowStatement(node) ||
  (ts.isIfStatement(node) && endsInThrow(node.thenStatement));

const endsInThrow = (node: ts.Statement): boolean =>
  ts.isThrowStatement(node) || (ts.isBlock(node) && node.statements.some(ts.isThrowStatement));

type Change = readonly [place: ts.Node, ...replacements: string[]];

function changesOf(node: ts.Node, source: ts.SourceFile): Change[] {
  const text = (part: ts.Node): string => part.getText(source);
  if (ts.isBinaryExpression(node)) return binaryChanges(node, text);
  if (ts.isConditionalExpression(node)) return [[node, `(${text(node.whenTrue)})`, `(${text(node.whenFalse)})`]];
  if (ts.isIfStatement(node)) return [[node.expression, 'true', 'false']];
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
    return [[node, text(node.operand)]];
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) return stepChanges(node, text);
  if (ts.isNumericLiteral(node)) return [[node, String(Number(node.text) + 1)]];
  if (node.kind === ts.SyntaxKind.TrueKeyword) return [[node, 'false']];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return [[node, 'true']];
  if (ts.isExpressionStatement(node)) return [[node, ';']];
  if (ts.isCallExpression(node) && text(node.expression) === 'and') return conjunctChanges(node, text);
  if (ts.isPropertyAssignment(node)) return propertyChanges(node, text);
  return [];
}

type TextOf = (part: ts.Node) => string;

function binaryChanges(node: ts.BinaryExpression, text: TextOf): Change[] {
  const { left, right, operatorToken: token } = node;
  const operator = text(token);
  if (COMPARISONS[operator] !== undefined) return [[token, ...COMPARISONS[operator]]];
  if (operator === '&&' || operator === '||' || operator === '??')
    return [[node, `(${text(left)})`, ...(operator === '??' ? [] : [`(${text(right)})`])]];
  return ARITHMETIC[operator] === undefined ? [] : [[token, ARITHMETIC[operator]]];
}

function stepChanges(node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression, text: TextOf): Change[] {
  const whole = text(node);
  if (whole.includes('++')) return [[node, whole.replace('++', '--')]];
  return whole.includes('--') ? [[node, whole.replace('--', '++')]] : [];
}

/** Guards of a transition: each one left out in turn. */
function conjunctChanges(node: ts.CallExpression, text: TextOf): Change[] {
  const list = node.arguments[0];
  if (list === undefined || !ts.isArrayLiteralExpression(list)) return [];
  const names = list.elements.map(text);
  return [[list, ...names.map((left) => `[${names.filter((name) => name !== left).join(', ')}]`)]];
}

const STATES = ['queued', 'leased', 'redelivered', 'acked', 'dead_lettered', 'purged'];
const UPDATES = ['begin', 'lease', 'prolong', 'close', 'giveBack', 'takeBack', 'redrive'];

/** Targets, guards and updates of the machine. */
function propertyChanges(node: ts.PropertyAssignment, text: TextOf): Change[] {
  const name = text(node.name);
  const value = node.initializer;
  if (!ts.isStringLiteral(value)) return [];
  const others = (all: readonly string[]): string[] => all.filter((one) => one !== value.text).map((one) => `'${one}'`);
  if (name === 'target') return [[value, ...others(STATES)]];
  if (name === 'actions') return [[value, ...others(UPDATES)]];
  return name === 'guard' ? [[value, 'and([])']] : [];
}
