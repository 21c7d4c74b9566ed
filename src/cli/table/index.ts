export { type ColumnOptions, layOut } from './columns.ts';
export { type Format, fit, needsField, printListing, readFormat, renderListing } from './listing.ts';
