namespace Replicator.KubeApi.Tables;

/// <summary>Columns as the built-in tables name them; the descriptions are those of the API's own documentation.</summary>
static class Column
{
    const string NameDescription =
        "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. "
        + "Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

    const string CreationDescription =
        "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. "
        + "Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. "
        + "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

    public static readonly TableColumn Name = new("Name", "string", "name", NameDescription, 0);

    public static readonly TableColumn Age = new("Age", "string", "", CreationDescription, 0);

    public static readonly TableColumn CreatedAt = new("Created At", "date", "", CreationDescription, 0);

    /// <summary>What a custom resource has whose definition names no columns.</summary>
    public static readonly TableColumn AgeAsDate = new("Age", "date", "", CreationDescription, 0);

    public static readonly TableColumn Containers = new("Containers", "string", "", "Names of each container in the template.", 1);

    public static readonly TableColumn Images = new("Images", "string", "", "Images referenced by each container in the template.", 1);

    public static TableColumn Text(string name, string description, string format = "", int priority = 0) => new(name, "string", format, description, priority);

    public static TableColumn Integer(string name, string description) => new(name, "integer", "", description, 0);

    public static TableColumn Boolean(string name, string description) => new(name, "boolean", "", description, 0);
}
