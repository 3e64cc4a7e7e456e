// The types a dashboard is checked against, each made one JSON schema.
import type { Dashboard, Panel as AnyPanel, RowPanel } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type { GraphFieldConfig, TableFieldOptions } from '@grafana/schema';
import type { Options as BarGaugeOptions } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TextOptions } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

export type Board = Dashboard;
export type Panel = AnyPanel;
export type Row = RowPanel;
export type Query = Omit<Dataquery, '_implementsDataqueryVariant'>;
export type OptionsOfBargauge = BarGaugeOptions;
export type OptionsOfStat = StatOptions;
export type OptionsOfTable = TableOptions;
export type OptionsOfText = TextOptions;
export type OptionsOfTimeseries = TimeSeriesOptions;
export type CustomOfTimeseries = GraphFieldConfig;
export type CustomOfTable = Partial<TableFieldOptions>;
