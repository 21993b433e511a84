namespace Replicator.KubeApi.Tables;

/// <summary>The definition of a column of a Table (meta/v1, TableColumnDefinition).</summary>
/// <param name="Name">What stands above the column.</param>
/// <param name="Type">An OpenAPI type: <c>string</c>, <c>integer</c>, <c>number</c>, <c>boolean</c> or <c>date</c>.</param>
/// <param name="Format">A refinement of the type: <c>name</c> marks the column with the object's name; mostly empty.</param>
/// <param name="Description">What the column shows, for people.</param>
/// <param name="Priority">0 for what is always shown, more for what <c>kubectl get -o wide</c> adds.</param>
public sealed record TableColumn(string Name, string Type, string Format, string Description, int Priority);
