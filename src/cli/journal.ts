import type { Command } from 'commander';
import { addCat } from './journal/cat.ts';
import { addBackup, addRestore } from './journal/copy.ts';
import { addExport, addImport } from './journal/engine.ts';
import { addFetch } from './journal/fetch.ts';
import { addStat } from './journal/stat.ts';
import { addVerify } from './journal/verify.ts';

export function addJournal(program: Command): void {
  const journal = program.command('journal').description('the journal in a data directory');
  for (const add of [addVerify, addStat, addCat, addBackup, addRestore, addFetch, addExport, addImport]) add(journal);
}
