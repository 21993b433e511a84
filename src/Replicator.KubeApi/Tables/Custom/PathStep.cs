using System.Text;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables.Custom;

/// <summary>A step of a path: from some values to others.</summary>
abstract class PathStep
{
    /// <summary>Adds to <paramref name="output"/> what the step finds in each value of <paramref name="input"/>; <see langword="false"/> where the whole path fails.</summary>
    public abstract bool TryApply(List<PathValue> input, List<PathValue> output);

    /// <summary>What a value holds: elements, members' values.</summary>
    protected static void AddChildren(PathValue value, List<PathValue> output)
    {
        foreach (var element in value.Node)
            output.Add(new PathValue(element));
        foreach (var (_, member) in value.Node.Members)
            output.Add(new PathValue(member));
    }
}

/// <summary><c>.name</c>: the member of that name; nothing where there is none.</summary>
sealed class FieldStep(string name) : PathStep
{
    public byte[] Name { get; } = Encoding.UTF8.GetBytes(name);

    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        foreach (var value in input)
        {
            if (value.Node[Name] is { Kind: not JsonKind.None } member)
                output.Add(new PathValue(member));
        }
        return true;
    }
}

/// <summary><c>.*</c>: all members or elements.</summary>
sealed class WildcardStep : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        foreach (var value in input)
            AddChildren(value, output);
        return true;
    }
}

/// <summary><c>..</c>: the value and all below it that hold something, strings among them, each before what it holds.</summary>
sealed class RecursiveStep : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        foreach (var value in input)
        {
            if (value.Node.Count == 0 && !value.Node.HasText)
                continue;
            output.Add(value);
            var children = new List<PathValue>();
            AddChildren(value, children);
            TryApply(children, output);
        }
        return true;
    }
}

/// <summary><c>[start:end:step]</c> or <c>[index]</c>; negative ones count from the end, out of bounds the path fails.</summary>
/// <param name="start">The first element, if it is given.</param>
/// <param name="end">The element behind the last, if it is given.</param>
/// <param name="isIndex">Whether only the element at <paramref name="start"/> is meant.</param>
/// <param name="step">Every how-manieth, if it is given.</param>
sealed class SliceStep(int? start, int? end, bool isIndex, int? step) : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        foreach (var value in input)
        {
            if (value.IsNull)
                continue;
            if (value.Node.Kind != JsonKind.Array)
                return false;
            var length = value.Node.Count;
            var from = (long)(start ?? 0);
            var to = isIndex ? from + 1 : end ?? length;
            if (from < 0)
                from += length;
            // An index of -1 has an end of 0, which means the end of the array.
            if (to < 0 || to == 0 && isIndex)
                to += length;
            if (from == to)
            {
                // No elements are wanted: the server then looks at no further array either.
                return true;
            }
            if (from < 0 || from >= length || to < 0 || to > length || from > to || step <= 0)
                return false;
            var index = 0L;
            foreach (var element in value.Node)
            {
                if (index >= from && index < to && (index - from) % (step ?? 1) == 0)
                    output.Add(new PathValue(element));
                index++;
            }
        }
        return true;
    }
}

/// <summary><c>[a,b]</c>: what each of several paths finds.</summary>
sealed class UnionStep(JsonPathExpression[] paths) : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        foreach (var path in paths)
        {
            var found = input;
            if (!path.TryWalk(ref found))
                return false;
            output.AddRange(found);
        }
        return true;
    }
}

/// <summary>A literal. Text stands for itself, a number or boolean for each value that it meets.</summary>
sealed class LiteralStep(PathValue literal) : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        var count = literal.IsText ? 1 : input.Count;
        for (var i = 0; i < count; i++)
            output.Add(literal);
        return true;
    }
}

/// <summary>A word that is neither field nor literal, at which every path fails.</summary>
sealed class IdentifierStep : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output) => false;
}

/// <summary><c>[?(left operator right)]</c>: the elements for which it holds; those for which one side finds nothing do not count.</summary>
sealed class FilterStep(JsonPathExpression left, JsonPathExpression? right, string comparison) : PathStep
{
    public override bool TryApply(List<PathValue> input, List<PathValue> output)
    {
        foreach (var value in input)
        {
            if (value.Node.Kind != JsonKind.Array)
                return false;
            foreach (var element in value.Node)
            {
                if (!TryTest(element, out var holds))
                    return false;
                if (holds)
                    output.Add(new PathValue(element));
            }
        }
        return true;
    }

    bool TryTest(TapeValue element, out bool holds)
    {
        holds = false;
        var lefts = new List<PathValue> { new(element) };
        var isFollowed = left.TryWalk(ref lefts);
        if (right is null)
        {
            holds = lefts.Count > 0;
            return true;
        }
        if (!isFollowed || lefts.Count > 1)
            return false;
        if (lefts.Count == 0)
            return true;
        var rights = new List<PathValue> { new(element) };
        if (!right.TryWalk(ref rights) || rights.Count > 1)
            return false;
        return rights.Count == 0 || TryCompare(lefts[0], rights[0], out holds);
    }

    /// <summary>Compares two strings, two integers, two other numbers, or two booleans, which have no order; all else fails.</summary>
    bool TryCompare(PathValue a, PathValue b, out bool holds)
    {
        holds = false;
        int order;
        if (a.IsText && b.IsText)
        {
            order = string.CompareOrdinal(a.Text, b.Text);
        }
        else if (a.TryGetBoolean(out var first) && b.TryGetBoolean(out var second))
        {
            holds = first == second == (comparison == "==");
            return comparison is "==" or "!=";
        }
        else if (a.TryGetInteger(out var integer) is var isInteger && b.TryGetInteger(out var other) == isInteger && a.TryGetNumber(out var number) && b.TryGetNumber(out var otherNumber))
        {
            order = isInteger ? integer.CompareTo(other) : number.CompareTo(otherNumber);
        }
        else
        {
            return false;
        }
        holds = comparison switch
        {
            "==" => order == 0,
            "!=" => order != 0,
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0,
            ">=" => order >= 0,
            _ => false,
        };
        return comparison is "==" or "!=" or "<" or "<=" or ">" or ">=";
    }
}
