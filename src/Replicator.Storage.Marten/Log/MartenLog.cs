using System.Text.Json.Serialization;
using JasperFx;
using JasperFx.Events;
using Marten;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Log;

/// <summary>Marten as it is set up for the log.</summary>
static class MartenLog
{
    public static DocumentStore CreateStore(Database database, AutoCreate autoCreate) => DocumentStore.For(options =>
    {
        options.Connection(database.Source);
        options.AutoCreateSchemaObjects = autoCreate;
        options.DatabaseSchemaName = database.Schema;
        options.Events.DatabaseSchemaName = database.Schema;
        options.Events.StreamIdentity = StreamIdentity.AsString;
        // One call of mt_quick_append_events for each stream of a transaction, which checks the expected version before it draws a number.
        options.Events.AppendMode = EventAppendMode.QuickWithServerTimestamps;
        options.Events.EnableBigIntEvents = true;
        options.Events.MetadataConfig.HeadersEnabled = true;
        options.Events.MetadataConfig.CausationIdEnabled = false;
        options.Events.MetadataConfig.CorrelationIdEnabled = false;
        options.Events.TimeProvider = database.Options.TimeProvider;
        // A commit whose answer is lost must not be repeated blindly: the writer finds out what became of it.
        options.ConfigurePolly(_ => { });
        options.ConfigureWritePolly(_ => { });
        var converters = new List<JsonConverter> { new EventHeadersConverter() };
        Add(options, converters, json => new ObjectAdded(json));
        Add(options, converters, json => new ObjectModified(json));
        Add(options, converters, json => new ObjectDeleted(json));
        Add(options, converters, json => new SyncStarted(json));
        Add(options, converters, json => new SyncCompleted(json));
        Add(options, converters, json => new Progressed(json));
        Add(options, converters, json => new GapObserved(json));
        Add(options, converters, json => new DiscoveryObserved(json));
        options.UseSystemTextJsonForSerialization(configure: json => converters.ForEach(json.Converters.Add));
    });

    static void Add<T>(StoreOptions options, List<JsonConverter> converters, Func<ReadOnlyMemory<byte>, T> create) where T : EventBody
    {
        options.Events.AddEventType<T>();
        converters.Add(new EventBodyConverter<T>(create));
    }
}
