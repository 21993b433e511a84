using Replicator.Core.Recording;
using Replicator.Core.Recordings;
using Replicator.Core.Storage;
using Replicator.Informers;

namespace Replicator;

/// <summary>What the process returns, and which failures are the user's to mend: they get a line, not a stack trace.</summary>
static class ExitCodes
{
    public const int Failure = 1;
    /// <summary>Of <c>diff</c>, where 1 says that something differs.</summary>
    public const int Trouble = 2;
    /// <summary>As a shell reports a process that Ctrl-C ended.</summary>
    public const int Interrupted = 130;
    /// <summary>As a shell reports a process that SIGTERM ended.</summary>
    public const int Terminated = 143;

    public static bool IsExpected(Exception exception) =>
        exception is RecordingException or StoreUnavailableException or StoreCorruptException or WrongExpectedRevisionException or ClusterTakenOverException or CommandException or ClusterConfigurationException or ClusterUnreachableException or InvalidDataException or FormatException or HttpRequestException or IOException or UnauthorizedAccessException;
}

/// <summary>A command cannot do what was asked; the message is the line that the user reads.</summary>
sealed class CommandException(string message) : Exception(message);
