// Sources as syntax trees, for the tests of this folder. Syntax only, no types: fast, and nothing has to compile.

import ts from 'typescript';
import { readSources, type Source } from '../support/package-root.js';

/** The tree of one source; nodes know their parents. */
export function parse({ path, text }: Source): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** Calls `visit` for every node below `node`. Comments are not nodes. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  ts.forEachChild(node, (child) => {
    visit(child);
    walk(child, visit);
  });
}

/** `path:line` of a node, as editors and terminals like it. */
export function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/**
 * First arguments of `test`, `it` and `describe` in every form (`test.each(...)(title)`); this folder proves nothing.
 *
 * @param files - only of these; by default of all
 */
export function readTitles(files?: readonly string[]): { readonly path: string; readonly title: string }[] {
  const titles: { path: string; title: string }[] = [];
  const isWanted = (path: string): boolean => files?.includes(path) ?? !path.startsWith('test/tidy/');
  for (const source of readSources('test').filter(({ path }) => isWanted(path))) {
    walk(parse(source), (node) => {
      if (!ts.isCallExpression(node) || !/^(test|it|describe)\b/.test(node.expression.getText())) return;
      const [title] = node.arguments;
      if (title !== undefined && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) {
        titles.push({ path: source.path, title: title.getText() });
      }
    });
  }
  return titles;
}
