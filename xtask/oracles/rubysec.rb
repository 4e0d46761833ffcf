# Who is affected, by ruby-advisory-db and RubyGems: FOLDER-OF-GEMS NAME==VERSION-FILE -> one JSON object a line.
require "json"
require "rubygems"
require "yaml"
require "date"

folder, packages = ARGV
installed = Hash.new { |hash, name| hash[name] = [] }
File.foreach(packages) do |line|
  name, version = line.strip.split("==", 2)
  installed[name] << version
end
installed.each do |name, versions|
  Dir.glob(File.join(folder, "gems", name, "*.yml")).sort.each do |file|
    advisory = YAML.safe_load(File.read(file), permitted_classes: [Date, Time])
    kept = [*advisory["patched_versions"], *advisory["unaffected_versions"]]
    kept = kept.map { |text| Gem::Requirement.new(text.split(",").map(&:strip)) }
    versions.each do |version|
      next if kept.any? { |requirement| requirement.satisfied_by?(Gem::Version.new(version)) }
      id = advisory["cve"] ? "CVE-#{advisory["cve"]}" : advisory["ghsa"] ? "GHSA-#{advisory["ghsa"]}" : File.basename(file, ".yml")
      puts JSON.generate("package" => name, "version" => version, "advisory" => id)
    end
  end
end
