using System.Buffers.Text;
using System.IO.Compression;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Recordings;

/// <summary>The watch of one resource in one version: lines of <c>microseconds TAB watch event</c>, plain or gzipped, read one at a time.</summary>
public sealed class RecordingFile : IDisposable
{
    const int InitialBuffer = 64 * 1024;
    const int MaxLine = 64 * 1024 * 1024;

    readonly Stream _stream;
    readonly JsonTape _tape = new();
    byte[] _buffer = new byte[InitialBuffer];
    int _start, _end;
    long _line;

    /// <summary>Opens a file.</summary>
    /// <exception cref="RecordingException">It cannot be read.</exception>
    public RecordingFile(string path, ResourceType type)
    {
        (Path, Type) = (path, type);
        try
        {
            Stream file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            _stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"'{path}' cannot be read ({exception.Message}): check the file and its permissions.", exception);
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What it is a watch of.</summary>
    public ResourceType Type { get; }

    /// <summary>Reads the next line; null at the end.</summary>
    /// <exception cref="RecordingException">The file is truncated or malformed.</exception>
    public RecordedLine? Read()
    {
        if (!TryReadLine(out var line))
            return null;
        _line++;
        var tab = line.IndexOf((byte)'\t');
        if (tab < 0 || !Utf8Parser.TryParse(line[..tab], out long microseconds, out var digits) || digits != tab)
            throw Malformed("no time in microseconds and tab at its start");
        var json = line[(tab + 1)..];
        try
        {
            _tape.Parse(json);
        }
        catch (JsonFormatException exception)
        {
            throw Malformed(exception.Message, exception);
        }
        if (!_tape.TryGetProperty(_tape.Root, "type"u8, out var type) || !_tape.TryGetProperty(_tape.Root, "object"u8, out var node))
            throw Malformed("not a watch event");
        var version = _tape.TryGetProperty(node, "metadata"u8, out var metadata) && _tape.TryGetProperty(metadata, "resourceVersion"u8, out var number) ? _tape.GetString(number) : "";
        var endsList = _tape.StringEquals(type, "BOOKMARK"u8) && _tape.TryGetProperty(metadata, "annotations"u8, out var annotations)
            && _tape.TryGetProperty(annotations, "k8s.io/initial-events-end"u8, out _);
        return new RecordedLine(HashChain.FromMicroseconds(microseconds), _tape.GetString(type), version, endsList, _tape.RawText(node).ToArray());
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        var searched = 0;
        while (true)
        {
            var end = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (end >= 0)
            {
                line = _buffer.AsSpan(_start, searched + end);
                _start += searched + end + 1;
                return true;
            }
            searched = _end - _start;
            if (_end == _buffer.Length)
                MakeRoom();
            int read;
            try
            {
                read = _stream.Read(_buffer, _end, _buffer.Length - _end);
            }
            catch (Exception exception) when (exception is InvalidDataException or IOException)
            {
                throw new RecordingException($"'{Path}' cannot be read behind line {_line} ({exception.Message}): it is damaged or cut off; make it anew.", exception);
            }
            if (read == 0)
            {
                line = default;
                // Every line ends with a line feed, so what is left is half of one.
                return searched == 0 ? false : throw new RecordingException($"'{Path}' is cut off in line {_line + 1}: make it anew, or end it behind line {_line} to take what is there.");
            }
            _end += read;
        }
    }

    void MakeRoom()
    {
        var length = _end - _start;
        if (length >= MaxLine)
            throw Malformed($"longer than {MaxLine} bytes");
        var target = length > _buffer.Length / 2 ? new byte[_buffer.Length * 2] : _buffer;
        Buffer.BlockCopy(_buffer, _start, target, 0, length);
        (_buffer, _start, _end) = (target, 0, length);
    }

    RecordingException Malformed(string problem, Exception? inner = null) => new($"'{Path}' line {_line + 1} is not a line of a recording: {problem}.", inner);
}

/// <summary>A line of a recording.</summary>
/// <param name="Time">When it was received.</param>
/// <param name="Type"><c>ADDED</c>, <c>MODIFIED</c>, <c>DELETED</c>, <c>BOOKMARK</c> or <c>ERROR</c>.</param>
/// <param name="ResourceVersion">The object's or bookmark's; empty for an error.</param>
/// <param name="EndsList">Whether it is the bookmark behind the initial list.</param>
/// <param name="Object">The object, verbatim.</param>
public sealed record RecordedLine(DateTimeOffset Time, string Type, string ResourceVersion, bool EndsList, ReadOnlyMemory<byte> Object);
