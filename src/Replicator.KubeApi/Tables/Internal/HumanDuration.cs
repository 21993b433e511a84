namespace Replicator.KubeApi.Tables;

/// <summary>Lengths of time as kubectl shows them: two units at most, the coarser the longer it is (k8s.io/apimachinery/pkg/util/duration, HumanDuration).</summary>
static class HumanDuration
{
    const long SecondsPerMinute = 60;
    const long MinutesPerHour = 60;
    const long HoursPerDay = 24;
    const long DaysPerYear = 365;

    /// <summary>A Go Duration holds 292 years of nanoseconds; what is longer ends there.</summary>
    const long LongestTicks = long.MaxValue / TimeSpan.NanosecondsPerTick;

    public static CellText AddDuration(this CellText text, long ticks)
    {
        ticks = Math.Clamp(ticks, -LongestTicks, LongestTicks);
        // Up to two seconds in the future are clocks that disagree.
        var seconds = ticks / TimeSpan.TicksPerSecond;
        if (seconds < -1)
            return text.Add("<invalid>"u8);
        if (seconds < 0)
            return text.Add("0s"u8);
        if (seconds < 2 * SecondsPerMinute)
            return text.Add(seconds).Add("s"u8);
        var minutes = seconds / SecondsPerMinute;
        if (minutes < 10)
            return text.Add(minutes).Add("m"u8).AddUnlessZero(seconds % SecondsPerMinute, "s"u8);
        if (minutes < 3 * MinutesPerHour)
            return text.Add(minutes).Add("m"u8);
        var hours = minutes / MinutesPerHour;
        if (hours < 8)
            return text.Add(hours).Add("h"u8).AddUnlessZero(minutes % MinutesPerHour, "m"u8);
        if (hours < 2 * HoursPerDay)
            return text.Add(hours).Add("h"u8);
        var days = hours / HoursPerDay;
        if (days < 8)
            return text.Add(days).Add("d"u8).AddUnlessZero(hours % HoursPerDay, "h"u8);
        if (days < 2 * DaysPerYear)
            return text.Add(days).Add("d"u8);
        var years = days / DaysPerYear;
        return years < 8 ? text.Add(years).Add("y"u8).AddUnlessZero(days % DaysPerYear, "d"u8) : text.Add(years).Add("y"u8);
    }

    static CellText AddUnlessZero(this CellText text, long value, ReadOnlySpan<byte> unit) => value == 0 ? text : text.Add(value).Add(unit);
}
