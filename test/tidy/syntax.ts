// Sources as syntax trees, for the tests of this folder. Syntax only, no types: fast, and nothing has to compile.

import ts from 'typescript';
import type { Source } from '../support/package-root.js';

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
