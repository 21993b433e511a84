using JasperFx;
using JasperFx.Events;
using Marten;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Log;

/// <summary>Marten as it is set up for the log: it makes the tables, and whoever likes may read them with it. Rows go in by <see cref="LogWriter"/>.</summary>
static class MartenLog
{
    public static DocumentStore CreateStore(Database database, AutoCreate autoCreate, Action<StoreOptions>? configure = null) => DocumentStore.For(options =>
    {
        options.Connection(database.Source);
        options.AutoCreateSchemaObjects = autoCreate;
        options.DatabaseSchemaName = database.Schema;
        options.Events.DatabaseSchemaName = database.Schema;
        options.Events.StreamIdentity = StreamIdentity.AsString;
        options.Events.AppendMode = EventAppendMode.QuickWithServerTimestamps;
        options.Events.EnableBigIntEvents = true;
        options.Events.MetadataConfig.HeadersEnabled = true;
        options.Events.MetadataConfig.CausationIdEnabled = false;
        options.Events.MetadataConfig.CorrelationIdEnabled = false;
        options.Events.TimeProvider = database.Options.TimeProvider;
        options.Events.AddEventTypes(EventBody.All.Select(one => one.Class));
        options.UseSystemTextJsonForSerialization(configure: json =>
        {
            foreach (var one in EventBody.All)
                json.Converters.Add(one.Converter);
        });
        configure?.Invoke(options);
    });
}
