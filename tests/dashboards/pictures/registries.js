// What Grafana's application registers before it draws: field properties, and transformations.
import {
  booleanOverrideProcessor, dataLinksOverrideProcessor, displayNameOverrideProcessor, FieldType, identityOverrideProcessor,
  numberOverrideProcessor, Registry, standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry,
  stringOverrideProcessor, thresholdsOverrideProcessor, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';

const property = (path, process, more = {}) =>
  ({ id: path, path, name: path, description: '', editor: () => null, override: () => null, process, shouldApply: () => true, settings: {}, ...more });

const STANDARD = [
  property('unit', unitOverrideProcessor), property('min', numberOverrideProcessor), property('max', numberOverrideProcessor),
  property('decimals', numberOverrideProcessor), property('displayName', displayNameOverrideProcessor),
  property('noValue', stringOverrideProcessor), property('color', identityOverrideProcessor),
  property('thresholds', thresholdsOverrideProcessor), property('mappings', valueMappingsOverrideProcessor),
  property('links', dataLinksOverrideProcessor), property('description', stringOverrideProcessor),
  property('filterable', booleanOverrideProcessor),
];

// custom.* of graphs is not for the time field.
const CUSTOM = {
  timeseries: ['drawStyle', 'lineWidth', 'fillOpacity', 'gradientMode', 'lineInterpolation', 'lineStyle', 'showPoints', 'spanNulls',
    'stacking', 'axisSoftMin', 'thresholdsStyle', 'hideFrom'],
  table: ['align', 'cellOptions', 'inspect', 'width', 'minWidth', 'hidden', 'filterable'],
};

export function registryFor(type) {
  const registry = new Registry();
  for (const one of STANDARD) registry.register({ ...one, category: [] });
  for (const name of CUSTOM[type] ?? []) {
    registry.register(property(name, identityOverrideProcessor, {
      id: `custom.${name}`,
      isCustom: true,
      shouldApply: (field) => type !== 'timeseries' || field.type !== FieldType.time,
    }));
  }
  return registry;
}

standardFieldConfigEditorRegistry.setInit(() => STANDARD.map((one) => ({ ...one, category: [] })));
standardTransformersRegistry.setInit(() => {
  const byId = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
  return [...byId.values()].map((one) => ({ id: one.id, name: one.name, editor: () => null, transformation: () => Promise.resolve(one) }));
});
