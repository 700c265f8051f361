import ts from 'typescript';

/** What an instrumented function calls: on its way in, with its file and name, and out. */
export const ENTER = '$walkIn';
export const LEAVE = '$walkOut';

const { factory } = ts;
const call = (name: string, ...texts: readonly string[]): ts.Statement =>
  factory.createExpressionStatement(
    factory.createCallExpression(
      factory.createPropertyAccessExpression(factory.createIdentifier('globalThis'), name),
      undefined,
      texts.map((text) => factory.createStringLiteral(text)),
    ),
  );

/** A text whose every function says when it is entered and left; those that stop on their way only that they are entered. */
export function instrumented(file: string, text: string): string {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => (root) => {
    const visit = (node: ts.Node): ts.Node => {
      const visited = ts.visitEachChild(node, visit, context);
      return isFunction(visited) ? wrapped(visited, file, nameOf(node)) : visited;
    };
    return ts.visitNode(root, visit) as ts.SourceFile;
  };
  const { transformed } = ts.transform(source, [transformer]);
  return ts.createPrinter().printFile(transformed[0] as ts.SourceFile);
}

type WithBody = ts.FunctionLikeDeclaration & { readonly body: ts.Block | ts.Expression };
const isFunction = (node: ts.Node): node is WithBody =>
  ts.isFunctionLike(node) && (node as ts.FunctionLikeDeclaration).body !== undefined;

/** A function's own name, or that of what it is assigned to. */
function nameOf(node: ts.Node): string {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (ts.isConstructorDeclaration(at)) return 'constructor';
    const { name } = at as Partial<ts.NamedDeclaration>;
    if (name !== undefined && (at === node || !ts.isBlock(at))) return name.getText();
    if (at !== node && isFunction(at)) return `within ${nameOf(at)}`;
  }
  return 'at load';
}

const stops = (node: WithBody): boolean =>
  ('asteriskToken' in node && node.asteriskToken !== undefined) ||
  (ts.canHaveModifiers(node) && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) === true);

function wrapped(node: WithBody, file: string, name: string): ts.Node {
  const { body } = node;
  // In parentheses: a comment before it may end its line, and `return` with it.
  const statements = ts.isBlock(body)
    ? body.statements
    : [factory.createReturnStatement(factory.createParenthesizedExpression(body))];
  const enter = call(ENTER, file, name);
  const leave = factory.createBlock([call(LEAVE)]);
  const block = stops(node)
    ? factory.createBlock([enter, call(LEAVE), ...statements])
    : factory.createBlock([enter, factory.createTryStatement(factory.createBlock(statements), undefined, leave)]);
  return withBody(node, block);
}

function withBody(node: WithBody, body: ts.Block): ts.Node {
  if (ts.isArrowFunction(node)) {
    const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken } = node;
    return factory.updateArrowFunction(node, modifiers, typeParameters, parameters, type, equalsGreaterThanToken, body);
  }
  if (ts.isFunctionDeclaration(node)) {
    const { modifiers, asteriskToken, name, typeParameters, parameters, type } = node;
    return factory.updateFunctionDeclaration(
      node,
      modifiers,
      asteriskToken,
      name,
      typeParameters,
      parameters,
      type,
      body,
    );
  }
  if (ts.isFunctionExpression(node)) {
    const { modifiers, asteriskToken, name, typeParameters, parameters, type } = node;
    return factory.updateFunctionExpression(
      node,
      modifiers,
      asteriskToken,
      name,
      typeParameters,
      parameters,
      type,
      body,
    );
  }
  if (ts.isMethodDeclaration(node)) {
    const { modifiers, asteriskToken, name, questionToken, typeParameters, parameters, type } = node;
    return factory.updateMethodDeclaration(
      ...([node, modifiers, asteriskToken, name, questionToken, typeParameters, parameters, type, body] as const),
    );
  }
  if (ts.isConstructorDeclaration(node))
    return factory.updateConstructorDeclaration(node, node.modifiers, node.parameters, body);
  if (ts.isGetAccessorDeclaration(node))
    return factory.updateGetAccessorDeclaration(node, node.modifiers, node.name, node.parameters, node.type, body);
  return factory.updateSetAccessorDeclaration(
    ...([
      node as ts.SetAccessorDeclaration,
      node.modifiers,
      node.name as ts.PropertyName,
      node.parameters,
      body,
    ] as const),
  );
}
