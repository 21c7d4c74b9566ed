export { type ColumnOptions, layOut } from './columns.ts';
export { fit, type Format, needsField, printListing, readFormat, renderListing } from './listing.ts';
