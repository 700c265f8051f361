import type { Static, TSchema } from 'typebox';
import type { CONTRACT, RouteId } from './contract.ts';
import type { SCHEMAS, SchemaName } from './schemas.ts';

/** Requests and answers as types: what their schemas say. Nobody changes what went over the wire. */
type Fixed<T> = T extends readonly (infer Item)[]
  ? readonly Fixed<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Fixed<T[Key]> }
    : T;

export type BodyOf<Name extends SchemaName> = Fixed<Static<(typeof SCHEMAS)[Name]>>;
/** What a route is asked with. */
export type RequestOf<Id extends RouteId> = (typeof CONTRACT)[Id]['request'] extends infer Name extends SchemaName
  ? BodyOf<Name>
  : never;
/** What it answers where it does not refuse. */
export type AnswerOf<Id extends RouteId> = (typeof CONTRACT)[Id]['answer'] extends infer Schema extends TSchema
  ? Fixed<Static<Schema>>
  : never;
/** One result of a batch. */
export type ResultOf<Id extends RouteId> =
  AnswerOf<Id> extends { readonly results: readonly (infer Result)[] } ? Result : never;
